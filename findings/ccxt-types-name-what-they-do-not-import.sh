#!/usr/bin/env bash
# ccxt 4.5.84 with TypeScript 5.9.3: its declarations do not compile by themselves.
#
# Expected: a strict program of one import compiles against the declarations that the package
#   brings, as long as the types of Node are there.
# Seen: tsc without skipLibCheck reports TS2304 in js/src/base/functions/throttle.d.ts: the type
#   `Num` stands there and is neither declared nor imported. With skipLibCheck, which most
#   templates set, nothing is said, and the members typed with it are `any`: the compiler no
#   longer tells a wrong argument there from a right one.
# What to do: check programs that use ccxt with skipLibCheck in a compilation of their own, so that
#   the check of all other declarations stays; hold structures against ccxt's documented shapes at
#   run time.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private":true,"type":"module"}' > package.json
timeout 300 npm install --silent --prefer-offline --no-audit --no-fund --ignore-scripts \
  ccxt@4.5.84 typescript@5.9.3 @types/node@24.10.1

cat > bot.ts <<'TS'
import ccxt, { type Ticker } from "ccxt";
export const last = async (): Promise<Ticker> => new ccxt.kraken().fetchTicker("BTC/USD");
TS
compile() {
  npx tsc --noEmit --strict --module nodenext --target es2022 --types node "$@" bot.ts || true
}
compile | grep -o "throttle.d.ts.*Cannot find name 'Num'" | head -1 | sed 's/([0-9,]*)//' | tee seen
echo "with skipLibCheck: $(compile --skipLibCheck | grep -c error) errors" | tee -a seen
diff seen - <<'SEEN'
throttle.d.ts: error TS2304: Cannot find name 'Num'
with skipLibCheck: 0 errors
SEEN
