import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Address, Hex } from "../../base/hex.ts";
import { orderHash } from "../../protocol/messages.ts";
import type { SignedFill, SignedOrder } from "../../protocol/units.ts";
import { FileEvidence } from "../node/fileEvidence.ts";
import { type EvidenceStore, MemoryEvidence } from "./evidence.ts";

const TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3" as Address;
const QUOTE = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512" as Address;
const OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" as Address;
const WORD: Hex = `0x${"ab".repeat(32)}`;
const signature = { r: WORD, vs: WORD, path: [] };
const signed: SignedOrder = {
  order: {
    owner: OWNER,
    round: 3,
    id: 1n,
    sellToken: TOKEN,
    sellAmount: 100n,
    buyToken: QUOTE,
    buyAmount: 200n,
    intent: "sellAll",
  },
  signature,
};
const HASH = orderHash(signed.order);
const proof = { balance: 5n, index: 0, leafCount: 1, siblings: [{ hash: WORD, sum: 7n }] };

function fill(sold: bigint, bought: bigint): SignedFill {
  const sequence = sold;
  return { fill: { orderHash: HASH, owner: OWNER, round: 3, sold, bought, sequence }, signature };
}

async function fillUp(store: EvidenceStore): Promise<void> {
  await store.saveProofs([{ round: 3, token: TOKEN, proof }]);
  await store.saveOrder(HASH, signed);
  await store.saveFill(fill(10n, 20n));
  await store.saveFill(fill(50n, 100n));
  // Older, or taking something back: not kept in place of the furthest.
  await store.saveFill(fill(20n, 40n));
  await store.saveFill(fill(60n, 90n));
}

async function expectFull(store: EvidenceStore): Promise<void> {
  expect(await store.proofs(3)).toEqual([expect.objectContaining({ token: TOKEN, proof })]);
  const [order, ...rest] = await store.orders(3);
  expect(rest).toEqual([]);
  expect(order).toEqual({ orderHash: HASH, signed, fill: fill(50n, 100n) });
}

describe("evidence", () => {
  let file: string;
  beforeEach(() => {
    file = join(mkdtempSync(join(tmpdir(), "quarterdeck-evidence-")), "deep", "evidence.jsonl");
  });
  afterEach(() => rmSync(join(file, "../.."), { recursive: true }));

  it("evidence keeps the furthest fill of an order, whatever comes later", async () => {
    const store = new MemoryEvidence();
    await fillUp(store);
    await expectFull(store);
  });

  it("evidence survives in a file", async () => {
    const store = await FileEvidence.open(file);
    await fillUp(store);
    await store.close();
    const again = await FileEvidence.open(file);
    await expectFull(again);
    await again.close();
  });

  it("evidence drops a line that a crash cut short, and nothing else", async () => {
    const store = await FileEvidence.open(file);
    await fillUp(store);
    await store.close();
    appendFileSync(file, '{"kind":"fill","fi');
    const again = await FileEvidence.open(file);
    await expectFull(again);
    await again.saveProofs([{ round: 4, token: TOKEN, proof }]);
    await again.close();
    const third = await FileEvidence.open(file);
    await expectFull(third);
    expect(await third.proofs(4)).toHaveLength(1);
    await third.close();
  });

  it("evidence names a damaged line", async () => {
    const store = await FileEvidence.open(file);
    await fillUp(store);
    await store.close();
    const lines = readFileSync(file, "utf8").split("\n");
    lines[1] = "{}";
    writeFileSync(file, lines.join("\n"));
    await expect(FileEvidence.open(file)).rejects.toThrow(/Line 2 of .* is no evidence/);
  });
});
