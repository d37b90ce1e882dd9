#!/usr/bin/env bash
# forge 1.7.1: --match-test and --no-match-test look at the signature of a test, not at its name.
#
# Expected: `--match-test '^test_paid$'` runs the test of that name, and `--no-match-test` with the
#   same pattern runs all others, as a pattern with ^ alone does.
# Seen: the text that is searched ends with the parameters, test_paid() or testFuzz_paid(uint256), so
#   a pattern that ends with $ matches no test. --match-test then runs none, and the exit code is 0
#   all the same; --no-match-test leaves out none. Lists of tests that are joined to ^(a|b|c)$ select
#   nothing in a job that stays green.
# What to do: end such a pattern with [(] in place of $, and compare the number of tests that ran
#   with the number that were wanted.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private":true}' > package.json
timeout 100 npm install --silent --prefer-offline --no-audit --no-fund \
  @foundry-rs/forge-linux-amd64@1.7.1 solc@0.8.37

# forge takes any program that speaks like solc; this one is the package's.
cat > solc.cjs <<'JS'
#!/usr/bin/env node
const solc = require("solc");
if (process.argv.includes("--version")) {
  console.log(`solc\nVersion: ${solc.version().replace(".Emscripten.clang", ".Linux.g++")}`);
} else {
  process.stdout.write(solc.compile(require("node:fs").readFileSync(0, "utf8")));
}
JS
chmod +x solc.cjs
mkdir src test
printf '[profile.default]\nsolc = "./solc.cjs"\noffline = true\n' > foundry.toml
cat > test/Names.t.sol <<'SOL'
// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

contract NamesTest {
    function test_paid() external {}
    function test_paidTwice() external {}
    function testFuzz_paid(uint256) external {}
}
SOL

forge=node_modules/@foundry-rs/forge-linux-amd64/bin/forge
timeout 60 "$forge" build > /dev/null 2>&1
run() {
  local code=0 count
  timeout 60 "$forge" test "$1" "$2" > report 2>&1 || code=$?
  count=$(grep -c '^\[PASS\]' report || true)
  echo "$1 $2: $count of 3 tests, exit $code"
}
{
  run --match-test '^test_paid'
  run --match-test '^test_paid$'
  run --match-test '^test_paid[(]'
  run --no-match-test '^test_paid$'
  run --no-match-test '^test_paid[(]'
} | tee seen
diff seen - <<'WANTED'
--match-test ^test_paid: 2 of 3 tests, exit 0
--match-test ^test_paid$: 0 of 3 tests, exit 0
--match-test ^test_paid[(]: 1 of 3 tests, exit 0
--no-match-test ^test_paid$: 3 of 3 tests, exit 0
--no-match-test ^test_paid[(]: 2 of 3 tests, exit 0
WANTED
