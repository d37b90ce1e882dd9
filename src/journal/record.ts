import { hash as digest } from "node:crypto";
import { crc32 } from "node:zlib";
import { bytesToHex } from "../base/hex.ts";
import { type Damage, JournalDamaged } from "./errors.ts";
import type { Head, JournalRecord } from "./journal.ts";

/**
 * Version 1 of the record format:
 *   body     = sequence (8 bytes) ‖ epoch (8) ‖ version (2) ‖ payload, integers highest byte first
 *   checksum = CRC-32 of body: names the record that was altered
 *   hash     = SHA-256 of (hash of the record before ‖ body): no record can be altered, left out,
 *              put in or moved without all later hashes changing
 */
export const RECORD_VERSION = 1;

export const HASH_BYTES = 32;
/** Stands for the record before the first. */
export const GENESIS_HASH: Uint8Array = new Uint8Array(HASH_BYTES);
export const EMPTY_HEAD: Head = { sequence: 0, hash: bytesToHex(GENESIS_HASH) };

const HEADER_BYTES = 18;

/** A record as it lies in the storage. */
export interface StoredRecord {
  readonly sequence: number;
  readonly epoch: number;
  readonly version: number;
  readonly payload: Uint8Array;
  readonly checksum: number;
  readonly hash: Uint8Array;
}

/** A record with its checksum and hash computed. */
export interface SealedRecord extends StoredRecord {
  readonly hash: Buffer;
}

/** Computes checksum and hash. Work grows with the payload: about 2 µs for 512 bytes. */
export function sealRecord(
  previousHash: Uint8Array,
  sequence: number,
  epoch: number,
  payload: Uint8Array,
  version: number = RECORD_VERSION,
): SealedRecord {
  const { checksum, digits } = digestOf(previousHash, { sequence, epoch, version, payload });
  const hash = Buffer.from(digits, "hex");
  return { sequence, epoch, version, payload, checksum, hash };
}

interface Digest {
  readonly checksum: number;
  /** The hash in hexadecimal digits. */
  readonly digits: string;
}

/** Filled anew for each record that fits: a buffer of its own takes longer than its hash. */
const SCRATCH = Buffer.allocUnsafe(64 * 1024);

function digestOf(
  previousHash: Uint8Array,
  { sequence, epoch, version, payload }: Omit<StoredRecord, "checksum" | "hash">,
): Digest {
  const length = HASH_BYTES + HEADER_BYTES + payload.length;
  const space = length <= SCRATCH.length ? SCRATCH : Buffer.allocUnsafe(length);
  space.set(previousHash, 0);
  writeUint(space, sequence, HASH_BYTES);
  writeUint(space, epoch, HASH_BYTES + 8);
  space.writeUInt16BE(version, HASH_BYTES + 16);
  space.set(payload, HASH_BYTES + HEADER_BYTES);
  const checksum = crc32(space.subarray(HASH_BYTES, length));
  // The hash as digits: as bytes it takes three times as long.
  return { checksum, digits: digest("sha256", space.subarray(0, length), "hex") };
}

const TWO_POW_32 = 2 ** 32;

function writeUint(target: Buffer, value: number, offset: number): void {
  target.writeUInt32BE(Math.floor(value / TWO_POW_32), offset);
  target.writeUInt32BE(value % TWO_POW_32, offset + 4);
}

/**
 * Where a walk along the chain begins: a record that is believed, or what stands before the first.
 */
export interface ChainLink {
  readonly sequence: number;
  readonly epoch: number;
  readonly hash: Uint8Array;
}

export const GENESIS_LINK: ChainLink = { sequence: 0, epoch: 0, hash: GENESIS_HASH };

/** Follows the chain from `start`, record by record, and refuses the first that does not belong. */
export class ChainWalk {
  #last: ChainLink;
  readonly #file: string;

  /** `file` is named in the errors. */
  constructor(file: string, start: ChainLink) {
    this.#file = file;
    this.#last = start;
  }

  /** The last record that was accepted. */
  get last(): ChainLink {
    return this.#last;
  }

  /** Returns `row` as a record, or throws `JournalDamaged`. */
  accept(row: StoredRecord): JournalRecord {
    const sequence = this.#last.sequence + 1;
    if (row.sequence !== sequence) {
      throw this.#damaged("recordMissing", `record ${sequence}`, `record ${row.sequence} next`);
    }

    if (row.version !== RECORD_VERSION) {
      throw this.#damaged("recordAltered", `version ${RECORD_VERSION}`, `version ${row.version}`);
    }

    if (row.epoch < this.#last.epoch) {
      throw this.#damaged(
        "chainBroken",
        `epoch ${this.#last.epoch} or later`,
        `epoch ${row.epoch}`,
      );
    }

    const { checksum, digits } = digestOf(this.#last.hash, row);
    if (checksum !== row.checksum) {
      throw this.#damaged("recordAltered", hexChecksum(row.checksum), hexChecksum(checksum));
    }

    if (digitsOf(row.hash) !== digits) {
      throw this.#damaged("chainBroken", `0x${digits}`, bytesToHex(row.hash));
    }

    this.#last = row;
    return {
      sequence,
      epoch: row.epoch,
      version: row.version,
      payload: row.payload,
      hash: `0x${digits}`,
    };
  }

  /** There are no more records: throws `JournalDamaged` unless the last one is `head`. */
  endAt(head: Head): void {
    const { sequence, hash } = this.#last;
    if (sequence < head.sequence) {
      throw this.#damaged(
        "tailMissing",
        `records up to ${head.sequence}, as the head says`,
        sequence === 0 ? "none" : `none after ${sequence}`,
      );
    }
    const found = bytesToHex(hash);
    if (sequence === head.sequence && found === head.hash) return;
    throw new JournalDamaged({
      damage: "headAltered",
      file: this.#file,
      sequence,
      expected: `head ${sequence} ${found}, as the last record says`,
      found: `head ${head.sequence} ${head.hash}`,
    });
  }

  #damaged(damage: Damage, expected: string, found: string): JournalDamaged {
    const sequence = this.#last.sequence + 1;
    return new JournalDamaged({ damage, file: this.#file, sequence, expected, found });
  }
}

function digitsOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("hex");
}

function hexChecksum(checksum: number): string {
  return `checksum ${checksum.toString(16).padStart(8, "0")}`;
}
