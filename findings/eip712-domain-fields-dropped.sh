#!/usr/bin/env bash
# viem 2.57.1 and ethers 6.17.0 sign different messages for one EIP-712 domain: viem leaves fields
# of the domain out of the hash by their JavaScript type and by whether they are empty.
#
# Expected: a domain as JSON carries it, with the chain id as text, gives the digest of the same
#   chain id as a number, or an error. eth_signTypedData_v4 takes such domains every day.
# Seen: viem drops a chain id given as text, decimal or hexadecimal, from the domain's type, and an
#   empty version too, which a contract with version "" hashes. An empty name is kept. ethers hashes
#   every field that is there. Nothing is raised: the contract recovers a stranger's address.
# What to do: turn chainId into a number or bigint before viem sees it, and give viem the type
#   EIP712Domain explicitly, which it then keeps to (last two lines).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private":true,"type":"module"}' > package.json
timeout 100 npm install --silent --prefer-offline --no-audit --no-fund viem@2.57.1 ethers@6.17.0

cat > try.js <<'JS'
import { TypedDataEncoder } from "ethers";
import { hashTypedData } from "viem";

const verifyingContract = "0x00000000000000000000000000000000000000c0";
const base = { name: "Exchange", version: "1", chainId: 10, verifyingContract };
const types = { Order: [{ name: "id", type: "uint64" }] };
const message = { id: 7n };
const EIP712Domain = [
  { name: "name", type: "string" },
  { name: "version", type: "string" },
  { name: "chainId", type: "uint256" },
  { name: "verifyingContract", type: "address" },
];

function compare(what, domain, viemTypes = types) {
  const viem = hashTypedData({ domain, types: viemTypes, primaryType: "Order", message });
  const ethers = TypedDataEncoder.hash(domain, types, message);
  const { chainId, ...without } = domain;
  const chainless = TypedDataEncoder.hash(without, types, message);
  const verdict = viem === ethers ? "same" : viem === chainless ? "viem has no chain id" : "differ";
  console.log(`${what}: ${verdict}`);
}

compare("chain id as number", base);
compare("chain id as text", { ...base, chainId: "10" });
compare("chain id as hexadecimal text", { ...base, chainId: "0xa" });
compare("empty version", { ...base, version: "" });
compare("empty name", { ...base, name: "" });
compare("text, type given", { ...base, chainId: "10" }, { ...types, EIP712Domain });
compare("empty version, type given", { ...base, version: "" }, { ...types, EIP712Domain });
JS
node try.js | tee seen
diff - seen <<'SEEN'
chain id as number: same
chain id as text: viem has no chain id
chain id as hexadecimal text: viem has no chain id
empty version: differ
empty name: same
text, type given: same
empty version, type given: same
SEEN
