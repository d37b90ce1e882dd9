#!/usr/bin/env bash
# anvil 1.7.1 and hardhat 3.18.0 answer the same eth_getLogs with different logs, and neither always
# as go-ethereum does.
#
# The chain: a contract that emits two events of one signature in a call, one with three topics (as
#   Transfer of ERC-20 has) and one with four (as Transfer of ERC-721 has).
# Expected, as go-ethereum's filter has it (eth/filters, filterLogs): a log with fewer topics than
#   the filter has positions does not match, and an empty list in a position takes any topic. So
#   [signature, null, null, null] is the usual way to read transfers of ERC-721 alone.
# Seen: anvil pays no heed to positions beyond a log's topics: the filter with three nulls gives
#   both logs. hardhat heeds them, but its empty list takes no topic at all: [signature, []] gives
#   none, where anvil gives both, as go-ethereum would.
# What to do: send null, never an empty list, and leave trailing nulls away; count the topics of
#   what comes back, whatever the filter said. A test on either node does not show what others do.
set -euo pipefail
anvil= hardhat=
work=$(mktemp -d)
trap 'for p in $anvil $hardhat; do kill "$p" 2> kills || true; done; wait; rm -rf "$work"' EXIT
cd "$work"
cat > package.json <<'JSON'
{ "private": true, "type": "module", "allowScripts": { "node": true } }
JSON
# hardhat 3 asks for Node.js 22.
extra=()
[ "$(node -p 'parseInt(process.versions.node) >= 22')" = true ] || extra=(node@24.21.0)
timeout 110 npm install --silent --prefer-offline --no-audit --no-fund hardhat@3.18.0 \
  @nomicfoundation/edr-linux-x64-gnu@0.22.0 @foundry-rs/anvil-linux-amd64@1.7.1 "${extra[@]}"
export PATH=$work/node_modules/.bin:$PATH
echo 'export default {};' > hardhat.config.js
anvil_port=$((20000 + RANDOM % 20000))
hardhat_port=$((anvil_port + 1))
"$(find node_modules/@foundry-rs -name anvil -type f | head -n 1)" --silent --port "$anvil_port" &
anvil=$!
node node_modules/hardhat/dist/src/cli.js node --port "$hardhat_port" > hardhat.log 2>&1 &
hardhat=$!

cat > try.js <<'JS'
const SIGNATURE = `0x${"0".repeat(64)}`;
// PUSH0 x5, LOG3 (topics of zero), PUSH0 x6, LOG4, STOP.
const RUNTIME = "5f5f5f5f5fa35f5f5f5f5f5fa400";
const CREATION = `0x6d${RUNTIME}5f52600e6012f3`;
const FILTERS = [
  [SIGNATURE],
  [SIGNATURE, null, null, null],
  [SIGNATURE, []],
];

for (const [name, port] of [["anvil", process.argv[2]], ["hardhat", process.argv[3]]]) {
  const ask = async (method, ...params) => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const headers = { "content-type": "application/json" };
    const response = await fetch(`http://127.0.0.1:${port}`, { method: "POST", headers, body });
    const { result, error } = await response.json();
    if (error !== undefined) throw new Error(error.message);
    return result;
  };
  for (let tries = 0; ; tries++) {
    if (await ask("eth_chainId").catch(() => undefined)) break;
    if (tries === 200) throw new Error(`${name} does not answer`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const [from] = await ask("eth_accounts");
  const created = await ask("eth_sendTransaction", { from, data: CREATION });
  const { contractAddress: to } = await ask("eth_getTransactionReceipt", created);
  await ask("eth_sendTransaction", { from, to });
  for (const topics of FILTERS) {
    const logs = await ask("eth_getLogs", { fromBlock: "0x0", toBlock: "latest", topics });
    const asked = JSON.stringify(topics).replace(`"${SIGNATURE}"`, "signature");
    console.log(name, asked, "topics of the logs:", logs.map((log) => log.topics.length).join(" "));
  }
}
process.exit(0);
JS
timeout 90 node try.js "$anvil_port" "$hardhat_port" | tee seen
diff - seen <<'SEEN'
anvil [signature] topics of the logs: 3 4
anvil [signature,null,null,null] topics of the logs: 3 4
anvil [signature,[]] topics of the logs: 3 4
hardhat [signature] topics of the logs: 3 4
hardhat [signature,null,null,null] topics of the logs: 4
hardhat [signature,[]] topics of the logs: 
SEEN
