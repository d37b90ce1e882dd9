#!/usr/bin/env bash
# viem 2.57.1: answers to a batch are given out by their place, and their ids are not compared.
#
# Expected: of three balances of which a server answers two, two and an error, as in ethers 6.17.0
#   (BAD_DATA, missing response for request). JSON-RPC 2.0 has clients match answers by `id`.
# Seen: http(url, { batch: true }) sorts the answers by their ids and hands them out in that order.
#   Without the first, each question gets the answer to the next one: one account's balance is
#   given as another's, without a word. The last question fails with a TypeError.
#   Providers cut batches short for their number of calls or the size of the answer.
# What to do: leave `batch` off where a wrong answer matters, or compare ids in a transport of your
#   own, and ask again for what was left out.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private":true,"type":"module"}' > package.json
timeout 100 npm install --silent --prefer-offline --no-audit --no-fund viem@2.57.1 ethers@6.17.0

cat > try.js <<'JS'
import { createServer } from "node:http";
import { JsonRpcProvider, Network } from "ethers";
import { createPublicClient, http } from "viem";

const accounts = [1, 2, 3].map((n) => `0x${`${n}`.repeat(40)}`);
// The balance of 0x11... is 1 wei, of 0x22... 2 wei, of 0x33... 3 wei. The first call of a batch is
// left out of the answer.
const server = createServer((request, response) => {
  let body = "";
  request.on("data", (part) => {
    body += part;
  });
  request.on("end", () => {
    const answers = JSON.parse(body).map(({ id, params }) => ({
      jsonrpc: "2.0",
      id,
      result: `0x${params[0][2]}`,
    }));
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify(answers.slice(1)));
  });
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${server.address().port}`;

async function show(name, balanceOf) {
  const results = await Promise.allSettled(accounts.map(balanceOf));
  for (const [i, { value, reason }] of results.entries()) {
    const why = reason?.cause?.name ?? reason?.code ?? reason?.name;
    console.log(`${name} ${accounts[i].slice(0, 6)} ${value ?? why}`);
  }
}

const transport = http(url, { batch: true, retryCount: 0 });
const client = createPublicClient({ transport });
await show("viem", (address) => client.getBalance({ address }));
const options = { staticNetwork: Network.from(1), cacheTimeout: -1 };
const provider = new JsonRpcProvider(url, 1, options);
await show("ethers", (address) => provider.getBalance(address));
provider.destroy();
server.close();
server.closeAllConnections();
JS
node try.js | tee seen
diff - seen <<'SEEN'
viem 0x1111 2
viem 0x2222 3
viem 0x3333 TypeError
ethers 0x1111 BAD_DATA
ethers 0x2222 2
ethers 0x3333 3
SEEN
