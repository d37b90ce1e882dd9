#!/usr/bin/env bash
# @noble/curves 2.4.0: secp256k1.sign(digest, key) hashes the digest once more, with SHA-256.
# Version 1.9.7 signed the 32 bytes that it was given.
#
# Expected: code that signs a keccak-256 digest goes on doing so after the update of one package.
# Seen: the call compiles and runs as before and gives another signature. The library's own verify
#   accepts it, since it hashes as well, so a round trip in a unit test stays green; an Ethereum
#   contract recovers some other address from it. Each digest gives another one.
# What to do: pass { prehash: false } to sign, verify and recoverPublicKey, and test a signature
#   against something that is not the same library.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private":true,"type":"module"}' > package.json
timeout 100 npm install --silent --prefer-offline --no-audit --no-fund \
  @noble/curves@2.4.0 curves1@npm:@noble/curves@1.9.7 ethers@6.17.0

cat > try.js <<'JS'
import { secp256k1 as v2 } from "@noble/curves/secp256k1.js";
import { secp256k1 as v1 } from "curves1/secp256k1.js";
import { computeAddress, getBytes, hexlify, keccak256, recoverAddress } from "ethers";

const key = new Uint8Array(32).fill(9);
const owner = computeAddress(hexlify(key));
const digest = getBytes(keccak256("0x0102"));

function isOwners(signature) {
  const [r, s] = [signature.slice(0, 32), signature.slice(32)].map((part) => hexlify(part));
  return [0, 1].some((yParity) => recoverAddress(digest, { r, s, yParity }) === owner);
}

const first = v1.sign(digest, key).toCompactRawBytes();
const second = v2.sign(digest, key);
const unhashed = v2.sign(digest, key, { prehash: false });
console.log("1.9.7 recovers to the owner:", isOwners(first));
console.log("2.4.0 recovers to the owner:", isOwners(second));
console.log("2.4.0 verifies its own:", v2.verify(second, digest, v2.getPublicKey(key)));
console.log("2.4.0 without prehash is 1.9.7's:", hexlify(unhashed) === hexlify(first));
JS
node try.js | tee seen
diff - seen <<'SEEN'
1.9.7 recovers to the owner: true
2.4.0 recovers to the owner: false
2.4.0 verifies its own: true
2.4.0 without prehash is 1.9.7's: true
SEEN
