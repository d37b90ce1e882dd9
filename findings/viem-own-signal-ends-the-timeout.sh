#!/usr/bin/env bash
# viem 2.57.1: a request over http() with a signal of the caller's own has no timeout any more.
#
# Expected: `timeout` bounds each request (10 s by default), and `fetchOptions.signal`, which the
#   types offer, lets the caller end it earlier: whichever comes first, as in fetch with
#   AbortSignal.any.
# Seen: without a signal a request with a timeout of 300 ms to a server that takes 1,200 ms ends in
#   TimeoutError. With a signal that is never aborted the same request waits, and gets its answer
#   after 1,200 ms: the timeout aborts a signal that fetch was not given, and rejects nothing itself.
# What to do: leave `timeout` at 0 where you give a signal, and make the signal of both:
#   AbortSignal.any([yours, AbortSignal.timeout(ms)]), anew for each request.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private":true,"type":"module"}' > package.json
timeout 100 npm install --silent --prefer-offline --no-audit --no-fund viem@2.57.1

cat > try.js <<'JS'
import { createServer } from "node:http";
import { createPublicClient, http } from "viem";

const ANSWER_MS = 1200;
const TIMEOUT_MS = 300;
const server = createServer((request, response) => {
  request.resume();
  setTimeout(() => {
    response.setHeader("Content-Type", "application/json");
    response.end('{"jsonrpc":"2.0","id":0,"result":"0x7"}');
  }, ANSWER_MS);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${server.address().port}`;

async function show(name, fetchOptions) {
  const options = { timeout: TIMEOUT_MS, retryCount: 0, fetchOptions };
  const client = createPublicClient({ transport: http(url, options) });
  const began = performance.now();
  const found = await client.getBlockNumber({ cacheTime: 0 }).catch((error) => error.name);
  const isInTime = performance.now() - began < ANSWER_MS;
  console.log(`${name}: ${found}, ${isInTime ? "before" : "after"} the server's answer`);
}

await show("no signal", undefined);
await show("own signal", { signal: new AbortController().signal });
server.close();
server.closeAllConnections();
JS

timeout 60 node try.js | tee seen
cat > expected <<'TEXT'
no signal: TimeoutError, before the server's answer
own signal: 7, after the server's answer
TEXT
diff expected seen
