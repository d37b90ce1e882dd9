import { IDBFactory } from "fake-indexeddb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Address, Hex } from "../../base/hex.ts";
import { orderHash } from "../../protocol/messages.ts";
import type { Order, SignedFill, SignedOrder } from "../../protocol/units.ts";
import { type EvidenceArchive, type EvidenceRecord, MemoryEvidence } from "./evidence.ts";
import { IndexedDbEvidence } from "./indexedDbEvidence.ts";
import { formatRecord } from "./records.ts";
import { exportEvidence, mergeEvidence } from "./transfer.ts";

const TOKENS = [
  "0x5FbDB2315678afecb367f032d93F642f64180aa3",
  "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
] as [Address, Address];
const OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" as Address;
const WORD: Hex = `0x${"ab".repeat(32)}`;
const signature = { r: WORD, vs: WORD, path: [] };
const [sellToken, buyToken] = TOKENS;

function orderOf(id: bigint, round: number): SignedOrder {
  const amounts = { sellToken, sellAmount: 100n, buyToken, buyAmount: 200n };
  const order: Order = { owner: OWNER, round, id, ...amounts, intent: "sellAll" };
  return { order, signature };
}

function fillOf({ order }: SignedOrder, sold: bigint): SignedFill {
  const { owner, round } = order;
  const amounts = { sold, bought: 2n * sold, sequence: sold };
  return { fill: { orderHash: orderHash(order), owner, round, ...amounts }, signature };
}

/** What a device of an honest exchange's client can hold: one proof a balance, growing fills. */
const honest: fc.Arbitrary<EvidenceRecord[]> = fc
  .array(fc.record({ id: fc.bigInt(0n, 3n), round: fc.nat(2), sold: fc.bigInt(1n, 100n) }), {
    maxLength: 8,
  })
  .map((made) =>
    made.flatMap(({ id, round, sold }): EvidenceRecord[] => {
      const signed = orderOf(id, round);
      const token = TOKENS[Number(id) % 2] as Address;
      const proof = { balance: BigInt(round), index: 0, leafCount: 1, siblings: [] };
      return [
        { kind: "proof", round, token, proof },
        { kind: "order", orderHash: orderHash(signed.order), signed },
        { kind: "fill", fill: fillOf(signed, sold) },
      ];
    }),
  );

async function storeOf(...parts: EvidenceRecord[][]): Promise<MemoryEvidence> {
  const store = new MemoryEvidence();
  for (const part of parts) await mergeEvidence(store, part.map(formatRecord));
  return store;
}

async function contents(store: EvidenceArchive): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of exportEvidence(store)) lines.push(line);
  return lines.sort();
}

describe("a merge", () => {
  it("a merge comes to the same in whichever order, and however often", async () => {
    await fc.assert(
      fc.asyncProperty(honest, honest, honest, async (a, b, c) => {
        const together = await contents(await storeOf(a, b, c));
        expect(await contents(await storeOf(c, a, b, a))).toEqual(together);
        expect(await contents(await storeOf([...c, ...b, ...a].reverse()))).toEqual(together);
      }),
      { numRuns: 50 },
    );
  });

  it("a merge of what a store exports gives that store", async () => {
    await fc.assert(
      fc.asyncProperty(honest, async (records) => {
        const store = await storeOf(records);
        const copy = new MemoryEvidence();
        const report = await mergeEvidence(copy, exportEvidence(store));
        expect(report.refused).toEqual([]);
        expect(await contents(copy)).toEqual(await contents(store));
      }),
      { numRuns: 50 },
    );
  });

  it("a merge refuses, by its line, what is no evidence or contradicts what is kept", async () => {
    const signed = orderOf(1n, 3);
    const order = { kind: "order", orderHash: orderHash(signed.order), signed } as const;
    const proof = { balance: 5n, index: 0, leafCount: 1, siblings: [] };
    const kept = { kind: "proof", round: 3, token: sellToken, proof } as const;
    const fill = fillOf(signed, 10n);
    const store = await storeOf([order, kept, { kind: "fill", fill }]);
    const less = { ...fill, fill: { ...fill.fill, sold: 20n, bought: 5n } };
    const stranger = fillOf(orderOf(2n, 3), 1n);
    const before = await contents(store);
    const report = await mergeEvidence(store, [
      "{}",
      formatRecord({ ...order, orderHash: WORD }),
      "",
      formatRecord({ ...kept, proof: { ...proof, balance: 6n } }),
      formatRecord({ kind: "fill", fill: less }),
      formatRecord({ kind: "fill", fill: stranger }),
      formatRecord(kept),
    ]);
    expect(report).toMatchObject({ added: 0, known: 1 });
    expect(report.refused.map(({ line }) => line)).toEqual([1, 2, 4, 5, 6]);
    expect(await contents(store)).toEqual(before);
  });
});

describe("evidence in IndexedDB", () => {
  it("evidence in IndexedDB holds what memory holds, also after it was opened again", async () => {
    const factory = new IDBFactory();
    await fc.assert(
      fc.asyncProperty(honest, fc.uuid(), async (records, name) => {
        const store = await IndexedDbEvidence.open(name, factory);
        await mergeEvidence(store, records.map(formatRecord));
        await store.close();
        const again = await IndexedDbEvidence.open(name, factory);
        const memory = await storeOf(records);
        expect(await contents(again)).toEqual(await contents(memory));
        for (const round of [0, 1, 2]) {
          const byHash = (a: { orderHash: Hex }, b: { orderHash: Hex }) =>
            a.orderHash < b.orderHash ? -1 : 1;
          const expected = (await memory.orders(round)).sort(byHash);
          expect((await again.orders(round)).sort(byHash)).toEqual(expected);
          expect(await again.proofs(round)).toHaveLength((await memory.proofs(round)).length);
        }
        await again.close();
      }),
      { numRuns: 20 },
    );
  });

  it("evidence in IndexedDB keeps the furthest fill, whichever comes last", async () => {
    const store = await IndexedDbEvidence.open("fills", new IDBFactory());
    const signed = orderOf(1n, 3);
    await store.saveOrder(orderHash(signed.order), signed);
    for (const sold of [10n, 50n, 20n]) await store.saveFill(fillOf(signed, sold));
    expect((await store.orders(3))[0]?.fill?.fill.sold).toBe(50n);
  });

  it("evidence in IndexedDB names what was damaged, and says where it is missing", async () => {
    const factory = new IDBFactory();
    const store = await IndexedDbEvidence.open("damaged", factory);
    const signed = orderOf(1n, 3);
    await store.saveOrder(WORD, signed);
    await expect(store.orders(3)).rejects.toMatchObject({ code: "EvidenceDamaged" });
    await expect(IndexedDbEvidence.open("nowhere")).rejects.toMatchObject({
      code: "EvidenceUnavailable",
    });
  });
});
