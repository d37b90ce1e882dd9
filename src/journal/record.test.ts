import fc from "fast-check";
import { expect, test } from "vitest";
import { bytesToHex } from "../base/hex.ts";
import { JournalDamaged } from "./errors.ts";
import {
  type ChainLink,
  ChainWalk,
  EMPTY_HEAD,
  GENESIS_HASH,
  GENESIS_LINK,
  type StoredRecord,
  sealRecord,
} from "./record.ts";

const FILE = "storage/journal.sqlite";

function chain(payloads: readonly Uint8Array[], epoch = 1): StoredRecord[] {
  let previous = GENESIS_HASH;
  return payloads.map((payload, index) => {
    const record = sealRecord(previous, index + 1, epoch, payload);
    previous = record.hash;
    return record;
  });
}

function walk(records: readonly StoredRecord[], start: ChainLink = GENESIS_LINK): ChainWalk {
  const follower = new ChainWalk(FILE, start);
  for (const record of records) follower.accept(record);
  return follower;
}

function damageOf(work: () => unknown): JournalDamaged {
  try {
    work();
  } catch (error) {
    if (error instanceof JournalDamaged) return error;
    throw error;
  }
  throw new Error("no damage was found");
}

const text = (value: string) => new TextEncoder().encode(value);
const three = chain([text("one"), text("two"), text("three")]);

test("the format does not change by accident: checksum and hash of a known record", () => {
  const record = sealRecord(GENESIS_HASH, 1, 1, text("one"));
  expect(record.checksum.toString(16)).toBe("2ac6cfde");
  expect(bytesToHex(record.hash)).toBe(
    "0xf50ce0a9775e6a4af4249bea19c38331f0be693ee4902e1ca879d85d88f957fa",
  );
});

test("a chain leads from nothing to its head", () => {
  const follower = walk(three);
  expect(follower.last.sequence).toBe(3);
  follower.endAt({ sequence: 3, hash: bytesToHex(three[2]?.hash ?? GENESIS_HASH) });
  walk([]).endAt(EMPTY_HEAD);
});

test("a walk may start at any record that is believed", () => {
  expect(walk(three.slice(2), three[1]).last.sequence).toBe(3);
});

test("a missing record is named", () => {
  const error = damageOf(() => walk([three[0], three[2]] as StoredRecord[]));
  expect(error).toMatchObject({ damage: "recordMissing", sequence: 2, file: FILE });
});

test("an altered payload is named by its checksum", () => {
  const altered = { ...three[1], payload: text("twO") } as StoredRecord;
  const error = damageOf(() => walk([three[0] as StoredRecord, altered]));
  expect(error).toMatchObject({ damage: "recordAltered", sequence: 2 });
  expect(error.message).toMatch(/storage\/journal\.sqlite .*sequence 2.*expected checksum .*found/);
});

test("a record that was sealed again on its own breaks the chain behind it", () => {
  const forged = sealRecord(three[0]?.hash ?? GENESIS_HASH, 2, 1, text("2"));
  const error = damageOf(() => walk([three[0], forged, three[2]] as StoredRecord[]));
  expect(error).toMatchObject({ damage: "chainBroken", sequence: 3 });
});

test("a checksum that was mended without the hash breaks the chain", () => {
  const { checksum } = sealRecord(GENESIS_HASH, 2, 1, text("twO"));
  const forged = { ...three[1], payload: text("twO"), checksum } as StoredRecord;
  const error = damageOf(() => walk([three[0] as StoredRecord, forged]));
  expect(error).toMatchObject({ damage: "chainBroken", sequence: 2 });
});

test("an epoch never falls, whatever its value", () => {
  const later = sealRecord(GENESIS_HASH, 1, 5, text("one"));
  const earlier = sealRecord(later.hash, 2, 4, text("two"));
  expect(damageOf(() => walk([later, earlier]))).toMatchObject({ sequence: 2 });
  expect(damageOf(() => walk([{ ...later, epoch: -1 }]))).toMatchObject({ sequence: 1 });
});

test("a missing tail and a head that names another record are told apart", () => {
  const head = { sequence: 3, hash: bytesToHex(three[2]?.hash ?? GENESIS_HASH) };
  expect(damageOf(() => walk(three.slice(0, 2)).endAt(head))).toMatchObject({
    damage: "tailMissing",
    sequence: 3,
  });
  expect(damageOf(() => walk(three).endAt({ ...head, hash: EMPTY_HEAD.hash }))).toMatchObject({
    damage: "headAltered",
  });
  expect(damageOf(() => walk(three).endAt({ ...head, sequence: 2 }))).toMatchObject({
    damage: "headAltered",
  });
});

test("law: whichever bit of whichever stored record flips, the walk refuses", () => {
  const records = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(records, fc.nat(), fc.nat(), (payloads, which, bit) => {
      const stored = chain(payloads);
      const index = which % stored.length;
      stored[index] = flip(stored[index] as StoredRecord, bit);
      const end = bytesToHex(chain(payloads).at(-1)?.hash ?? GENESIS_HASH);
      expect(() => walk(stored).endAt({ sequence: payloads.length, hash: end })).toThrow(
        JournalDamaged,
      );
    }),
  );
});

/** Flips one bit of the payload, the hash or one of the numbers. */
function flip(record: StoredRecord, bit: number): StoredRecord {
  const flipped = (bytes: Uint8Array) => {
    const copy = Uint8Array.from(bytes);
    const at = (bit >> 3) % copy.length;
    copy[at] = (copy[at] as number) ^ (1 << (bit & 7));
    return copy;
  };
  const low = 1 << (bit % 15);
  const choices: StoredRecord[] = [
    { ...record, hash: flipped(record.hash) },
    { ...record, sequence: record.sequence ^ low },
    { ...record, epoch: record.epoch ^ low },
    { ...record, version: record.version ^ low },
    { ...record, checksum: (record.checksum ^ low) >>> 0 },
  ];
  if (record.payload.length > 0) choices.push({ ...record, payload: flipped(record.payload) });
  return choices[bit % choices.length] as StoredRecord;
}
