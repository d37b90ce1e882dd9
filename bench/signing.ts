/**
 * What a signed fill costs with a key in memory: the operator's path against the bare native curve
 * in the same run, since absolute figures belong to the machine. `node bench/signing.ts [turns]`
 */
import { bytesToHex, type Hex } from "../src/base/hex.ts";
import { localSigner } from "../src/chain/signer.ts";
import { loadCurve } from "../src/keys/nativeCurve.ts";
import { FillSigner } from "../src/operator/api/fillSigner.ts";
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

/** Microseconds of the processor for each fill: other processes do not count. */
async function cost(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / FILLS_PER_TURN;
}

type Signatures = (fills: readonly Fill[]) => unknown;

/** Lets both sides take turns; prints the medians of their costs and of the turns' ratios. */
async function compare(name: string, bare: Signatures, operator: Signatures): Promise<void> {
  const measured: { bare: number; operator: number }[] = [];
  // The first turn warms up both.
  for (let turn = 0; turn <= turns; turn++) {
    const fills = fillsOf(turn);
    const both = {
      bare: await cost(() => bare(fills)),
      operator: await cost(() => operator(fills)),
    };
    if (turn > 0) measured.push(both);
  }
  const shown = (costs: number[]) => median(costs).toFixed(1).padStart(12);
  console.log(
    name.padEnd(34) +
      shown(measured.map((turn) => turn.bare)) +
      shown(measured.map((turn) => turn.operator)) +
      median(measured.map((turn) => turn.bare / turn.operator))
        .toFixed(2)
        .padStart(8),
  );
}

const bareSign = (fill: Fill) => curve.sign(digest(domain, hashFill(fill)), key);
const fillSigner = () => new FillSigner(localSigner(bytesToHex(key), curve), domain);

console.log("microseconds a fill                 bare curve    operator   ratio");
await compare(
  "signed once",
  (fills) => fills.map(bareSign),
  (fills) => {
    const signer = fillSigner();
    return Promise.all(fills.map((fill) => signer.sign(fill)));
  },
);
// An order that is executed at once is told in its answer and on the stream.
await compare(
  "signed for an answer and an event",
  (fills) => fills.flatMap((fill) => [bareSign(fill), bareSign(fill)]),
  (fills) => {
    const signer = fillSigner();
    return Promise.all(fills.flatMap((fill) => [signer.sign(fill), signer.sign(fill)]));
  },
);
