#!/usr/bin/env bash
# hardhat 3.18.0: with automine, a transaction that reverts is answered with an error, and is mined.
#
# Expected: an error from eth_sendTransaction or eth_sendRawTransaction means that nothing was taken
#   into the pool, as on other nodes: the caller may send again under the same nonce.
# Seen: the answer has code 3, as a refused simulation has, and the block holds the transaction: its
#   receipt says status 0, the fee is paid and the nonce is used. Its hash is in a field of the
#   error that is hardhat's own (transactionHash). What takes the error at its word sends again
#   under the same nonce, and its own count of what is out is wrong by one.
# What to do: sign first, so that the hash is known, and after any error ask for the receipt of that
#   hash before the transaction counts as not sent; or set throwOnTransactionFailures to false for
#   the network, which makes it answer as other nodes do.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > package.json <<'JSON'
{ "private": true, "type": "module", "allowScripts": { "node": true } }
JSON
# hardhat 3 asks for Node.js 22.
extra=()
[ "$(node -p 'parseInt(process.versions.node) >= 22')" = true ] || extra=(node@24.21.0)
timeout 110 npm install --silent --prefer-offline --no-audit --no-fund \
  hardhat@3.18.0 @nomicfoundation/edr-linux-x64-gnu@0.22.0 ethers@6.17.0 "${extra[@]}"
echo 'export default {};' > hardhat.config.js

cat > try.js <<'JS'
import { Transaction, Wallet } from "ethers";
import { network } from "hardhat";

async function story(throwOnTransactionFailures) {
  const { provider } = await network.create({ override: { throwOnTransactionFailures } });
  const ask = (method, ...params) => provider.request({ method, params });
  const wallet = new Wallet(`0x${"51".repeat(32)}`);
  const refuses = "0x00000000000000000000000000000000000000c1";
  await ask("hardhat_setBalance", wallet.address, "0x56bc75e2d63100000");
  await ask("hardhat_setCode", refuses, "0x5f5ffd");

  const signed = await wallet.signTransaction({
    type: 2,
    chainId: Number(await ask("eth_chainId")),
    nonce: 0,
    to: refuses,
    gasLimit: 50_000,
    maxFeePerGas: 10n ** 10n,
    maxPriorityFeePerGas: 10n ** 9n,
  });
  const { hash } = Transaction.from(signed);
  const answer = await ask("eth_sendRawTransaction", signed).then(
    (told) => (told === hash ? "its hash" : "another hash"),
    (error) => `an error, code ${error.code}${error.transactionHash === hash ? " (and its hash)" : ""}`,
  );
  const receipt = await ask("eth_getTransactionReceipt", hash);
  const nonce = Number(await ask("eth_getTransactionCount", wallet.address, "latest"));
  const mined = `receipt's status ${Number(receipt.status)}, next nonce ${nonce}`;
  console.log(`throwOnTransactionFailures ${throwOnTransactionFailures}: ${answer}; ${mined}`);
}

// The first is the default.
await story(undefined);
await story(false);
process.exit(0);
JS
PATH=$PWD/node_modules/.bin:$PATH node try.js | tee seen
diff - seen <<'SEEN'
throwOnTransactionFailures undefined: an error, code 3 (and its hash); receipt's status 0, next nonce 1
throwOnTransactionFailures false: its hash; receipt's status 0, next nonce 1
SEEN
