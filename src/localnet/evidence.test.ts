import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { toAddress } from "../base/address.ts";
import type { Hex } from "../base/hex.ts";
import { orderHash } from "../protocol/messages.ts";
import type { Order, SignedOrder } from "../protocol/units.ts";
import { ROUNDS_AT_HAND, ROUNDS_PER_FILE, RoundEvidence } from "./evidence.ts";

const OWNER = toAddress("0x5FbDB2315678afecb367f032d93F642f64180aa3");
const TOKEN = toAddress("0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512");
const signature = { r: `0x${"11".repeat(32)}`, vs: `0x${"22".repeat(32)}`, path: [] } as const;

function order(round: number): { hash: Hex; signed: SignedOrder } {
  const order: Order = {
    owner: OWNER,
    round,
    id: BigInt(round),
    sellToken: TOKEN,
    sellAmount: 5n,
    buyToken: OWNER,
    buyAmount: 7n,
    intent: "sellAll",
  };
  return { hash: orderHash(order), signed: { order, signature } };
}

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-evidence-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("a night's evidence stays in few open files, and what is packed away is whole", async () => {
  const folder = emptyFolder();
  const evidence = await RoundEvidence.open(folder);
  const last = 10 * ROUNDS_PER_FILE;
  for (let round = 1; round <= last; round++) {
    const { hash, signed } = order(round);
    await evidence.saveOrder(hash, signed);
    await evidence.archive(round);
    for (const near of [round - ROUNDS_AT_HAND, round].filter((one) => one > 0)) {
      expect((await evidence.orders(near)).map(({ orderHash }) => orderHash)).toEqual([
        order(near).hash,
      ]);
    }
  }
  const files = readdirSync(folder);
  expect(files.filter((name) => name.endsWith(".jsonl")).length).toBeLessThanOrEqual(2);
  const packed = files.filter((name) => name.endsWith(".gz"));
  const lines = packed.flatMap((name) =>
    gunzipSync(readFileSync(join(folder, name)))
      .toString()
      .trim()
      .split("\n"),
  );
  const kept = files
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").trim().split("\n"));
  const orders = [...lines, ...kept].filter((line) => line.includes('"kind":"order"'));
  expect(orders).toHaveLength(last);
  expect(await evidence.orders(1)).toEqual([]);
  expect(readdirSync(folder).sort()).toEqual(files.sort());
  await evidence.close();
});

test("a fill goes to its order, also after a restart", async () => {
  const folder = emptyFolder();
  const { hash, signed } = order(3);
  const first = await RoundEvidence.open(folder);
  await first.saveOrder(hash, signed);
  await first.close();
  const again = await RoundEvidence.open(folder);
  const counts = { sold: 2n, bought: 3n, sequence: 1n, round: 3 };
  const fill = { fill: { orderHash: hash, owner: OWNER, ...counts }, signature };
  await again.saveFill(fill);
  await again.close();
  const third = await RoundEvidence.open(folder);
  expect(await third.orders(3)).toMatchObject([{ orderHash: hash, fill }]);
  await third.close();
});
