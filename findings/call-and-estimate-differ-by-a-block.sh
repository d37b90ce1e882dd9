#!/usr/bin/env bash
# viem 2.57.1 or ethers 6.17.0 with anvil 1.7.1: a call is tried on the newest block, its gas is
# estimated on the block to come.
#
# Expected: where a call reverts its gas estimate reverts too, and the other way round.
# Seen: both libraries send eth_call with "latest" and eth_estimateGas with no block at all, and
#   anvil reads a missing block as "latest" for the first, as "pending" for the second. A contract
#   that opens at block 8 refuses the call while block 7 is the newest, and the estimate succeeds;
#   one that closes at block 8 takes the call, and the estimate fails. Whoever simulates first
#   never sends a transaction that would be mined in time; with a chain of slow blocks, or at each
#   boundary of rounds that are counted in blocks, a whole block is lost.
# What to do: name the block in both, "pending" where the block number decides.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private":true,"type":"module"}' > package.json
timeout 100 npm install --silent --prefer-offline --no-audit --no-fund \
  viem@2.57.1 ethers@6.17.0 @foundry-rs/anvil-linux-amd64@1.7.1

cat > try.js <<'JS'
import { spawn } from "node:child_process";
import { JsonRpcProvider } from "ethers";
import { createPublicClient, http } from "viem";

const anvil = spawn("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil", ["--port", "0"]);
setTimeout(() => anvil.kill(), 60_000).unref();
const url = await new Promise((resolve, reject) => {
  let text = "";
  anvil.stdout.on("data", (part) => {
    text += part;
    const found = /Listening on (\S+)/.exec(text);
    if (found) resolve(`http://${found[1]}`);
  });
  anvil.once("exit", () => reject(new Error("anvil ended")));
});

const viem = createPublicClient({ transport: http(url) });
const ethers = new JsonRpcProvider(url, 31337, { staticNetwork: true });
const told = (promise) => promise.then(() => "passes", () => "reverts");

// NUMBER is compared with 8; the last instruction is REVERT or is jumped over.
const contracts = {
  "opens at block 8": [`0x${"a1".repeat(20)}`, "0x60084310600857005b5f5ffd"],
  "closes at block 8": [`0x${"a2".repeat(20)}`, "0x60074311600857005b5f5ffd"],
};
await viem.request({ method: "anvil_mine", params: ["0x7"] });
for (const [what, [to, code]] of Object.entries(contracts)) {
  await viem.request({ method: "anvil_setCode", params: [to, code] });
  console.log(`block 7, ${what}: viem call ${await told(viem.call({ to }))}`);
  console.log(`block 7, ${what}: viem estimate ${await told(viem.estimateGas({ to }))}`);
  console.log(`block 7, ${what}: ethers call ${await told(ethers.call({ to }))}`);
  console.log(`block 7, ${what}: ethers estimate ${await told(ethers.estimateGas({ to }))}`);
  const blockTag = "pending";
  console.log(`block 7, ${what}: viem call, pending ${await told(viem.call({ to, blockTag }))}`);
}
ethers.destroy();
anvil.kill();
JS
node try.js | tee seen
diff - seen <<'SEEN'
block 7, opens at block 8: viem call reverts
block 7, opens at block 8: viem estimate passes
block 7, opens at block 8: ethers call reverts
block 7, opens at block 8: ethers estimate passes
block 7, opens at block 8: viem call, pending passes
block 7, closes at block 8: viem call passes
block 7, closes at block 8: viem estimate reverts
block 7, closes at block 8: ethers call passes
block 7, closes at block 8: ethers estimate reverts
block 7, closes at block 8: viem call, pending reverts
SEEN
