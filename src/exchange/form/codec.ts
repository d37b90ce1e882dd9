/**
 * Strict reading and canonical writing of the machine's records as JSON: fields in one order,
 * bigints as decimal strings, nothing missing and nothing beyond. Reading throws a `DecodeError`
 * that names the field.
 */
import { parseAddress } from "../../base/address.ts";
import { UINT64_MAX, UINT128_MAX } from "../../base/bytes.ts";
import { QuarterdeckError } from "../../base/errors.ts";
import { type Address, type Hex, isHex } from "../../base/hex.ts";
import { isTag } from "../../protocol/trading/terms.ts";

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** A record cannot be read: its `field`, as "logs.3.amount", is not what it must be. */
export class DecodeError extends QuarterdeckError {
  override readonly name: string = "DecodeError";
  readonly field: string;

  constructor(field: string, problem: string) {
    super({
      code: "BadRecord",
      message: `Cannot read a record: ${field === "" ? "it" : field} ${problem}.`,
      hint: "Check that storage is whole and was written by this version or an older one.",
    });
    this.field = field;
  }
}

/** One type's two directions. `field` is where `json` stands, for errors. */
export interface Codec<T> {
  write(value: T): Json;
  read(json: Json, field: string): T;
}

type Fields<T> = { readonly [K in keyof T]-?: Codec<Exclude<T[K], undefined>> };

/** An object of exactly these fields, written in the order given here. */
export function object<T extends object>(fields: Fields<T>): Codec<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  return {
    write(value) {
      const json: Record<string, Json> = {};
      for (const name of names) {
        const part = value[name];
        json[name] = fields[name].write(part as Exclude<typeof part, undefined>);
      }
      return json;
    },
    read(json, field) {
      const record = asRecord(json, field);
      const value: Partial<T> = {};
      for (const name of names) {
        const part = record[name];
        if (part === undefined) throw new DecodeError(join(field, name), "is missing");
        value[name] = fields[name].read(part, join(field, name));
      }
      for (const name of Object.keys(record)) {
        if (!Object.hasOwn(fields, name)) throw new DecodeError(join(field, name), "is unknown");
      }
      return value as T;
    },
  };
}

/** One of several objects, distinguished by `tag`, which is their first field. */
export function union<Tag extends string, T extends { readonly [K in Tag]: string }>(
  tag: Tag,
  members: {
    readonly [Kind in T[Tag]]: Codec<Extract<T, { readonly [K in Tag]: Kind }>>;
  },
): Codec<T> {
  const codecs = members as Readonly<Record<string, Codec<T>>>;
  return {
    write: (value) => (codecs[value[tag]] as Codec<T>).write(value),
    read(json, field) {
      const kind = asRecord(json, field)[tag];
      if (typeof kind !== "string" || !Object.hasOwn(codecs, kind)) {
        throw new DecodeError(join(field, tag), `is none of ${Object.keys(codecs).join(", ")}`);
      }
      return (codecs[kind] as Codec<T>).read(json, field);
    },
  };
}

export function list<T>(item: Codec<T>): Codec<readonly T[]> {
  return {
    write: (values) => values.map((value) => item.write(value)),
    read(json, field) {
      if (!Array.isArray(json)) throw new DecodeError(field, "is no list");
      return (json as readonly Json[]).map((part, i) => item.read(part, join(field, String(i))));
    },
  };
}

export function oneOf<T extends string | number>(...allowed: readonly T[]): Codec<T> {
  return {
    write: (value) => value,
    read(json, field) {
      if (allowed.includes(json as T)) return json as T;
      throw new DecodeError(field, `is none of ${allowed.join(", ")}`);
    },
  };
}

/** The value, or null where there is none. */
export function optional<T>(item: Codec<T>): Codec<T | null> {
  return {
    write: (value) => (value === null ? null : item.write(value)),
    read: (json, field) => (json === null ? null : item.read(json, field)),
  };
}

/** For a field that need not be there: written as null, read as undefined. */
export function absent<T>(item: Codec<T>): Codec<T> {
  return {
    write: (value) => (value === undefined ? null : item.write(value)),
    read: (json, field) => (json === null ? (undefined as T) : item.read(json, field)),
  };
}

/** A tag of an order (protocol/trading/terms.ts). */
export const tag: Codec<string> = {
  write: (value) => value,
  read(json, field) {
    if (typeof json === "string" && isTag(json)) return json;
    throw new DecodeError(field, "is no tag");
  },
};

export const bool: Codec<boolean> = {
  write: (value) => value,
  read(json, field) {
    if (typeof json !== "boolean") throw new DecodeError(field, "is neither true nor false");
    return json;
  },
};

/** A block, a round, an index: a safe integer from 0 on. */
export const count: Codec<number> = {
  write: (value) => value,
  read(json, field) {
    if (!Number.isSafeInteger(json) || (json as number) < 0) {
      throw new DecodeError(field, "is no whole number from 0 on");
    }
    return json as number;
  },
};

export const uint128: Codec<bigint> = uint(UINT128_MAX, "uint128");
export const uint64: Codec<bigint> = uint(UINT64_MAX, "uint64");

const DECIMAL = /^(?:0|[1-9][0-9]{0,38})$/;

function uint(max: bigint, name: string): Codec<bigint> {
  return {
    write: (value) => value.toString(),
    read(json, field) {
      const value = typeof json === "string" && DECIMAL.test(json) ? BigInt(json) : undefined;
      if (value === undefined || value > max) {
        throw new DecodeError(field, `is no ${name} in decimal digits`);
      }
      return value;
    },
  };
}

/** 32 bytes in lower-case digits. */
export const hash: Codec<Hex> = {
  write: (value) => value,
  read(json, field) {
    if (isHex(json, 32) && json === json.toLowerCase()) return json;
    throw new DecodeError(field, "is no hash of 32 bytes in lower-case digits");
  },
};

/** 32 bytes in digits of either case: a word of a signature, kept as it was signed. */
export const word: Codec<Hex> = {
  write: (value) => value,
  read(json, field) {
    if (isHex(json, 32)) return json;
    throw new DecodeError(field, "is no word of 32 bytes");
  },
};

/** Checksums cost a hash each, and the same few addresses return in every record. */
const CHECKED_ADDRESSES = 65_536;
const checked = new Set<string>();

/** An address with its checksum. */
export const address: Codec<Address> = {
  write: (value) => value,
  read(json, field) {
    if (typeof json === "string" && checked.has(json)) return json as Address;
    const outcome = typeof json === "string" ? parseAddress(json) : undefined;
    if (outcome === undefined || !outcome.ok || outcome.value !== json) {
      throw new DecodeError(field, "is no address with its checksum");
    }
    if (checked.size >= CHECKED_ADDRESSES) checked.clear();
    checked.add(outcome.value);
    return outcome.value;
  },
};

/** The JSON in `text`; a `DecodeError` where it is none. */
export function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new DecodeError("", "is no JSON");
  }
}

function asRecord(json: Json, field: string): { readonly [key: string]: Json } {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new DecodeError(field, "is no object");
  }
  return json as { readonly [key: string]: Json };
}

function join(field: string, name: string): string {
  return field === "" ? name : `${field}.${name}`;
}
