#!/usr/bin/env bash
# anvil 1.7.1: blocks that come within one second all have the same timestamp.
#
# Expected: each block's timestamp is above its parent's, as the rule for headers of Ethereum has it
#   (yellow paper, 4.3.4), and as code that divides by the time between two blocks relies on.
# Seen: twenty blocks of one anvil_mine, of six evm_mine and of five transactions that are mined at
#   once lie zero seconds apart. Time moves with the machine's clock alone; `anvil_mine` with an
#   interval, or evm_increaseTime, moves it as asked.
# What to do: a pace that is taken from headers must allow for no time at all between blocks, and a
#   test that needs one names it: anvil_mine [count, interval].
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${anvil:-}" 2> /dev/null || true; rm -rf "$work"' EXIT
cd "$work"
echo '{"private":true,"type":"module"}' > package.json
timeout 100 npm install --silent --prefer-offline --no-audit --no-fund \
  @foundry-rs/anvil-linux-amd64@1.7.1
node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil --port 18993 --silent &
anvil=$!

cat > look.js <<'JS'
async function rpc(method, params = []) {
  const response = await fetch("http://127.0.0.1:18993", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    signal: AbortSignal.timeout(10_000),
  });
  return (await response.json()).result;
}
const heightOf = async () => Number(await rpc("eth_blockNumber"));
const timeOf = async (number) =>
  Number((await rpc("eth_getBlockByNumber", [`0x${number.toString(16)}`, false])).timestamp);

/** How many of the blocks that `mine` makes have their parent's timestamp, and how many are there. */
async function count(name, mine) {
  // Right after the clock has moved on, so that it does not do so meanwhile.
  while (Date.now() % 1000 > 100) await new Promise((resolve) => setTimeout(resolve, 20));
  // A first block may still come later than its parent.
  await rpc("evm_mine");
  const before = await heightOf();
  await mine();
  const height = await heightOf();
  let equal = 0;
  for (let at = before + 1; at <= height; at++) {
    if ((await timeOf(at)) === (await timeOf(at - 1))) equal += 1;
  }
  console.log(`${name}: ${equal} of ${height - before}`);
}

for (let tries = 0; tries < 50; tries++) {
  if (await heightOf().then(() => true, () => false)) break;
  await new Promise((resolve) => setTimeout(resolve, 100));
}
await count("anvil_mine", () => rpc("anvil_mine", ["0x14"]));
await count("evm_mine", async () => {
  for (let i = 0; i < 6; i++) await rpc("evm_mine");
});
await count("transactions", async () => {
  const [from] = await rpc("eth_accounts");
  for (let i = 0; i < 5; i++) {
    const hash = await rpc("eth_sendTransaction", [{ from, to: from, value: "0x1" }]);
    while ((await rpc("eth_getTransactionReceipt", [hash])) === null);
  }
});
await count("anvil_mine with an interval", () => rpc("anvil_mine", ["0x14", "0xc"]));
JS
timeout 60 node look.js | tee seen
diff seen - <<'WANTED'
anvil_mine: 20 of 20
evm_mine: 6 of 6
transactions: 5 of 5
anvil_mine with an interval: 0 of 20
WANTED
