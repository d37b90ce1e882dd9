#!/usr/bin/env bash
# viem 2.57.1: after a failed send, an account's nonce manager gives the nonce of a transaction that
# is still on its way to the next one, and one of the two is lost.
#
# Expected: a nonce manager is for sends that overlap: each gets a nonce of its own, whatever
#   becomes of the others.
# Seen: a first transfer is on its way (the node takes its time to answer), a second one is refused
#   by the node, a third one is sent. The refusal makes the manager forget all nonces that it gave
#   (since 2.50.0; before, the refused one's nonce was left out, and all later ones waited for it),
#   and ask the chain, which has not seen the first. So the third has the nonce of the first. Where
#   both offer the same fees, the first is refused as underpriced. Where the first offers more, it
#   takes the place of the third, whose sender was told a hash: that transfer never happens.
# What to do: keep nonces in your own durable record, or send one after the other; and take a hash
#   for sent, not for done, until its receipt is there.
set -euo pipefail
anvil=
work=$(mktemp -d)
trap '[ -z "$anvil" ] || { kill "$anvil"; wait "$anvil" || true; }; rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true, "type": "module" }' > package.json
timeout 100 npm install --silent --prefer-offline --no-audit --no-fund \
  viem@2.57.1 @foundry-rs/anvil-linux-amd64@1.7.1
port=$((20000 + RANDOM % 20000))
"$(find node_modules/@foundry-rs -name anvil -type f | head -n 1)" \
  --silent --port "$port" --block-time 3 &
anvil=$!

cat > try.js <<'JS'
import { createServer } from "node:http";
import { createNonceManager, createPublicClient, createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { jsonRpc } from "viem/nonce";

const node = `http://127.0.0.1:${process.argv[2]}`;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Passes everything on; the next transaction after `delay` is set waits for so many ms. */
let delay = 0;
const passing = createServer(async (request, response) => {
  let body = "";
  for await (const part of request) body += part;
  if (JSON.parse(body).method === "eth_sendRawTransaction") {
    const ms = delay;
    delay = 0;
    await sleep(ms);
  }
  const headers = { "content-type": "application/json" };
  response.end(await (await fetch(node, { method: "POST", headers, body })).text());
});
await new Promise((resolve) => passing.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${passing.address().port}`;

// anvil's first account.
const key = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const nonceManager = createNonceManager({ source: jsonRpc() });
const account = privateKeyToAccount(key, { nonceManager });
const chain = foundry;
const wallet = createWalletClient({ account, chain, transport: http(url, { retryCount: 0 }) });
const reader = createPublicClient({ chain, transport: http(node) });
while (!(await reader.getChainId().catch(() => 0))) await sleep(100);

const addressOf = (number) => `0x${number.toString(16).padStart(40, "0")}`;
const send = (to, value, gwei) => {
  const maxPriorityFeePerGas = BigInt(gwei) * 10n ** 9n;
  const maxFeePerGas = maxPriorityFeePerGas + 10n ** 11n;
  return wallet
    .sendTransaction({ to: addressOf(to), value, gas: 21_000n, maxFeePerGas, maxPriorityFeePerGas })
    .then(() => "a hash", ({ details }) => details.replace(/^Insufficient funds.*/, "unfunded"));
};

await send(1, 1n, 2);
await send(2, 1n, 2);
for (const [gwei, offer] of [[2, "as much"], [9, "more"]]) {
  const to = 10 * gwei;
  // Right after a block, so that none comes amid the three.
  const before = await reader.getBlockNumber({ cacheTime: 0 });
  while ((await reader.getBlockNumber({ cacheTime: 0 })) === before) await sleep(20);
  delay = 1200;
  const first = send(to, 1n, gwei);
  await sleep(300);
  const second = await send(to + 1, 10n ** 30n, 2);
  const third = await send(to + 2, 1n, 2);
  const answers = [await first, second, third];
  console.log(`The first offers ${offer}. Answered: ${answers.join("; ")}.`);
  await sleep(4000);
  const came = async (number) =>
    (await reader.getBalance({ address: addressOf(number) })) > 0n ? "came" : "never came";
  console.log(`  the first's transfer ${await came(to)}, the third's ${await came(to + 2)}`);
}
process.exit(0);
JS
timeout 60 node try.js "$port" | tee seen
diff - seen <<'SEEN'
The first offers as much. Answered: replacement transaction underpriced; unfunded; a hash.
  the first's transfer never came, the third's came
The first offers more. Answered: a hash; unfunded; a hash.
  the first's transfer came, the third's never came
SEEN
