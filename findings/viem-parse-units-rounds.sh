#!/usr/bin/env bash
# viem 2.57.1: parseUnits rounds digits that the token does not have, half up, without a word.
#
# Expected: an amount with seven decimals of a token with six is an error, as in ethers 6.17.0
#   (NUMERIC_FAULT). Both functions bear the same name and are used for the same thing.
# Seen: "1.9999995" becomes 2000000, more than was typed, and "0.0000004" becomes 0. Who types
#   the whole balance as another token's page shows it asks for more than there is; who parses a
#   price, a fee or a minimum gets another one.
# What to do: count the decimals of the text before parseUnits, or parse amounts with a function
#   that refuses what it cannot keep.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private":true,"type":"module"}' > package.json
timeout 100 npm install --silent --prefer-offline --no-audit --no-fund viem@2.57.1 ethers@6.17.0

cat > try.js <<'JS'
import { parseUnits as ofEthers } from "ethers";
import { parseUnits as ofViem } from "viem";

for (const text of ["1.9999995", "1.0000005", "0.0000004", "1.999999"]) {
  let ethers;
  try {
    ethers = ofEthers(text, 6);
  } catch (error) {
    ethers = error.code;
  }
  console.log(`${text} viem ${ofViem(text, 6)} ethers ${ethers}`);
}
JS
node try.js | tee seen
diff - seen <<'SEEN'
1.9999995 viem 2000000 ethers NUMERIC_FAULT
1.0000005 viem 1000001 ethers NUMERIC_FAULT
0.0000004 viem 0 ethers NUMERIC_FAULT
1.999999 viem 1999999 ethers 1999999
SEEN
