import { closeSync, fsyncSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { bytesToHex } from "../../base/hex.ts";
import type { Head } from "../journal.ts";
import { HASH_BYTES } from "../record.ts";

/**
 * A small file that remembers, outside the database, the last record that was acknowledged.
 *
 * Why: when a write-ahead log is damaged or cut, SQLite takes the frames before the damage for the
 * whole truth, head included; and somebody may put an old copy of the database in place. Both lose
 * acknowledged records without a trace in the database itself. Opening compares.
 *
 * The file is written after each commit and not flushed, so it costs microseconds; after a power
 * failure it may lag behind the database, never lead it.
 */

const MAGIC = Buffer.from("QdkA");
const SEQUENCE_AT = MAGIC.length;
const HASH_AT = SEQUENCE_AT + 8;
const CHECKSUM_AT = HASH_AT + HASH_BYTES;
const SLOT_BYTES = CHECKSUM_AT + 4;
/** Two slots written alternately, a disk sector apart: a torn write leaves the other. */
const SLOT_OFFSETS = [0, 512] as const;
const FILE_BYTES = 1024;

/** The last acknowledged record that `path` remembers; undefined when it remembers none. */
export function readHighWaterMark(path: string): Head | undefined {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  const file = Buffer.alloc(FILE_BYTES);
  const descriptor = openSync(path, "r");
  try {
    readSync(descriptor, file, 0, FILE_BYTES, 0);
  } finally {
    closeSync(descriptor);
  }
  const slots = SLOT_OFFSETS.map((at) => decode(file.subarray(at, at + SLOT_BYTES)));
  return slots.reduce((newest, slot) => {
    if (slot === undefined) return newest;
    return newest === undefined || slot.sequence > newest.sequence ? slot : newest;
  }, undefined);
}

function decode(slot: Buffer): Head | undefined {
  const checksum = crc32(slot.subarray(0, CHECKSUM_AT));
  if (!slot.subarray(0, SEQUENCE_AT).equals(MAGIC)) return undefined;
  if (slot.readUInt32BE(CHECKSUM_AT) !== checksum) return undefined;
  return {
    sequence: Number(slot.readBigUInt64BE(SEQUENCE_AT)),
    hash: bytesToHex(slot.subarray(HASH_AT, CHECKSUM_AT)),
  };
}

function encode(slot: Buffer, sequence: number, hash: Uint8Array): void {
  slot.set(MAGIC, 0);
  slot.writeBigUInt64BE(BigInt(sequence), SEQUENCE_AT);
  slot.set(hash, HASH_AT);
  slot.writeUInt32BE(crc32(slot.subarray(0, CHECKSUM_AT)), CHECKSUM_AT);
}

export interface HighWaterMark {
  /** Remembers that everything up to `sequence` is durable. */
  note(sequence: number, hash: Uint8Array): void;
  close(): void;
}

/** Starts remembering in `path`, from the given record on; what it remembered before is gone. */
export function startHighWaterMark(
  path: string,
  sequence: number,
  hash: Uint8Array,
): HighWaterMark {
  const descriptor = openSync(path, "w");
  const slot = Buffer.alloc(SLOT_BYTES);
  let turn = 0;
  const note = (at: number, of: Uint8Array) => {
    encode(slot, at, of);
    writeSync(descriptor, slot, 0, SLOT_BYTES, SLOT_OFFSETS[turn]);
    turn = 1 - turn;
  };
  try {
    writeSync(descriptor, Buffer.alloc(FILE_BYTES), 0, FILE_BYTES, 0);
    note(sequence, hash);
    fsyncSync(descriptor);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return {
    note,
    close: () => {
      fsyncSync(descriptor);
      closeSync(descriptor);
    },
  };
}
