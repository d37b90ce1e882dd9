/**
 * Signed fills per second with a key in memory: the operator's path against the bare native curve
 * in the same run, since absolute figures belong to the machine. `node bench/signing.ts [turns]`
 */
import { bytesToHex, type Hex } from "../src/base/hex.ts";
import { localSigner } from "../src/chain/signer.ts";
import { FillSigner } from "../src/operator/signers/fillSigner.ts";
import { loadCurve } from "../src/operator/signers/nativeCurve.ts";
import { digest, hashFill } from "../src/protocol/messages.ts";
import type { Domain, Fill } from "../src/protocol/units.ts";

const FILLS_PER_TURN = 2000;
const turns = Number(process.argv[2] ?? 20);

const { curve, fallbackBecause } = loadCurve();
if (fallbackBecause !== undefined) console.log(`not native: ${fallbackBecause}`);
const key = new Uint8Array(32).fill(7);
const domain: Domain = { chainId: 31337, mediator: "0x5FbDB2315678afecb367f032d93F642f64180aa3" };
const owner: Hex = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

function fillsOf(turn: number): Fill[] {
  return Array.from({ length: FILLS_PER_TURN }, (_, i) => {
    const sequence = BigInt(turn * FILLS_PER_TURN + i + 1);
    const orderHash: Hex = `0x${sequence.toString(16).padStart(64, "0")}`;
    return { orderHash, owner, round: 3, sold: 10n ** 18n, bought: 3_000_000_000n, sequence };
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

async function rate(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return (FILLS_PER_TURN * 1000) / (performance.now() - start);
}

const measured: { curve: number; operator: number }[] = [];
// The first turn warms up both.
for (let turn = 0; turn <= turns; turn++) {
  const fills = fillsOf(turn);
  const signer = new FillSigner(localSigner(bytesToHex(key), curve), domain);
  const bare = await rate(() => {
    for (const fill of fills) curve.sign(digest(domain, hashFill(fill)), key);
  });
  const operator = await rate(() => Promise.all(fills.map((fill) => signer.sign(fill))));
  if (turn > 0) measured.push({ curve: bare, operator });
}
const ratio = median(measured.map((turn) => turn.operator / turn.curve));
console.log("fills/s     bare curve  operator   ratio");
console.log(
  "median".padEnd(12) +
    String(Math.round(median(measured.map((turn) => turn.curve)))).padStart(10) +
    String(Math.round(median(measured.map((turn) => turn.operator)))).padStart(10) +
    ratio.toFixed(3).padStart(8),
);
