/**
 * keccak-256 as a WebAssembly module, made here byte by byte, so that what runs is what can be
 * read. Besides single messages it hashes the two kinds of nodes of a Merkle-sum tree in batches,
 * two at a time: the calls and copies around one message cost as much as its permutation.
 * base/keccak.ts is its only user.
 */
import {
  ADD,
  AND,
  BLOCK,
  BRANCH,
  BRANCH_IF,
  body,
  type Code,
  call,
  code,
  END,
  EXIT_IF,
  EXTEND,
  get,
  I32,
  I64,
  IS_ABOVE,
  IS_BELOW,
  IS_ZERO,
  i32,
  i64,
  LOOP,
  listed,
  load,
  loadByte,
  OR,
  ROTL,
  SHL,
  SHR,
  section,
  set,
  sized,
  step,
  store,
  tee,
  text,
  unsigned,
  XOR,
} from "./instructions.ts";
import {
  CONSTANTS,
  constantBytes,
  LANES,
  ONE_STATE,
  permutation,
  STATE,
  TWO_STATES,
} from "./permutation.ts";

/** First byte of the memory that callers use. */
export const FREE = 608;
export const MEMORY_BYTES = 4 * 65_536;

/** Bytes absorbed at once, for 32 bytes of hash. */
export const RATE = 136;
/** Bytes of a node: its hash and its sum. */
export const NODE_SIZE = 48;

/** Places of functions in the module. */
const PERMUTE = 0;
const PERMUTE_TWO = 1;

const copy = (offset: number, from: Code, fromOffset: number, to: number): Code =>
  code(get(to), from, load(fromOffset), store(offset));

/** (in 0, out 1, blocks 2): absorbs at least one block, and writes the hash if that was the end. */
function sponge(): Code {
  const absorbed = Array.from({ length: RATE / 8 }, (_, i) =>
    code(i32(STATE), i32(STATE), load(8 * i), get(0), load(8 * i), XOR, store(8 * i)),
  );
  return code(
    LOOP,
    ...absorbed,
    call(PERMUTE),
    step(0, RATE),
    step(2, -1),
    get(2),
    BRANCH_IF,
    END,
    ...[0, 8, 16, 24].map((offset) => copy(offset, i32(STATE), offset, 1)),
  );
}

const FIRST_PADDING = 0x01n;
const LAST_PADDING = 0x80n << 56n;

/** How a kind of node is made of `size` bytes at local 0. */
interface NodeKind {
  readonly size: number;
  /** The first lanes of its message; those up to the last of the rate are 0. */
  readonly lanes: readonly Code[];
  /** Writes its sum to local 1, behind the hash. */
  readonly sum: Code;
}

/**
 * (in 0, out 1, count 2): makes nodes of NODE_SIZE bytes, two at a time: of an odd count, one more
 * than was asked for. Not one at 0.
 */
function makeNodes({ size, lanes, sum }: NodeKind): Code {
  const { stride } = TWO_STATES;
  const absorb = (which: number): Code =>
    code(
      ...Array.from({ length: LANES }, (_, i) => {
        const isEnd = i === RATE / 8 - 1;
        const value = lanes[i] ?? i64(isEnd ? LAST_PADDING : 0n);
        return code(i32(STATE), value, store(stride * i + 8 * which));
      }),
    );
  const write = (which: number): Code =>
    code(
      ...Array.from({ length: 4 }, (_, i) => copy(8 * i, i32(STATE), stride * i + 8 * which, 1)),
      sum,
    );
  const next = code(step(0, size), step(1, NODE_SIZE));
  const two = code(
    absorb(0),
    step(0, size),
    absorb(1),
    step(0, -size),
    call(PERMUTE_TWO),
    write(0),
    next,
    write(1),
    next,
    step(2, -2),
  );
  return code(BLOCK, LOOP, get(2), i32(0), IS_ABOVE, IS_ZERO, EXIT_IF, two, BRANCH, END, END);
}

/**
 * Leaves, of 36 bytes, an address and a balance: the hash of 0x00, address, balance; and the
 * balance.
 */
function leafKind(): NodeKind {
  const at = (offset: number): Code => code(get(0), load(offset));
  // The last 5 bytes, and what pads them.
  const end = code(at(28), i64(24n), SHR, i64(FIRST_PADDING << 40n), OR);
  return {
    size: 36,
    lanes: [code(at(0), i64(8n), SHL), at(7), at(15), at(23), end],
    sum: code(copy(32, get(0), 20, 1), copy(40, get(0), 28, 1)),
  };
}

/** The 8 bytes of `value` the other way round, by way of `local`. */
function swapped(value: Code, local: number): Code {
  const half = (mask: bigint, bits: bigint): Code =>
    code(
      get(local),
      i64(mask),
      AND,
      i64(bits),
      SHL,
      get(local),
      i64(bits),
      SHR,
      i64(mask),
      AND,
      OR,
    );
  const bytes = code(value, set(local), half(0x00ff00ff00ff00ffn, 8n), set(local));
  return code(bytes, half(0x0000ffff0000ffffn, 16n), i64(32n), ROTL);
}

/**
 * Parents, of 96 bytes, two nodes: the hash of 0x01 and of hash and sum of both, sums as words of
 * 32 bytes; and the sum of both sums.
 */
function parentKind(): NodeKind {
  const at = (offset: number): Code => code(get(0), load(offset));
  const byteAt = (offset: number): Code => code(get(0), loadByte(offset));
  const [low, sum, scratch] = [3, 4, 5] as const;
  const swap = (offset: number): Code => swapped(at(offset), scratch);
  return {
    size: 2 * NODE_SIZE,
    lanes: [
      code(at(0), i64(8n), SHL, i64(1n), OR),
      ...[7, 15, 23].map(at),
      byteAt(31),
      i64(0n),
      code(at(32), i64(8n), SHL),
      ...[39, 47, 55, 63, 71].map(at),
      byteAt(79),
      i64(0n),
      code(at(80), i64(8n), SHL),
      at(87),
      code(byteAt(95), i64((FIRST_PADDING << 8n) | LAST_PADDING), OR),
    ],
    sum: code(
      swap(40),
      tee(low),
      swap(88),
      ADD,
      set(sum),
      get(1),
      swapped(get(sum), scratch),
      store(40),
      // The high words, and what the low ones carry.
      code(get(1), get(sum), get(low), IS_BELOW, EXTEND, swap(32), ADD, swap(80), ADD, set(sum)),
      swapped(get(sum), scratch),
      store(32),
    ),
  };
}

/** The module: memory, sponge, leaves and parents are its exports. */
export function keccakModule(): Uint8Array<ArrayBuffer> {
  const batch = [I32, I32, I32];
  const types = [
    [0x60, 0, 0],
    [0x60, ...listed(batch.map((one) => [one])), 0],
  ];
  const functions = [
    permutation(ONE_STATE),
    permutation(TWO_STATES),
    body([], sponge()),
    body([], makeNodes(leafKind())),
    body([[3, I64]], makeNodes(parentKind())),
  ];
  const names = ["sponge", "leaves", "parents"].map((name, i) => [...text(name), 0, 2 + i]);
  return Uint8Array.from([
    0x00,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...section(1, types),
    ...section(3, [[0], [0], [1], [1], [1]]),
    ...section(5, [[0, ...unsigned(MEMORY_BYTES / 65_536)]]),
    ...section(7, [[...text("memory"), 2, 0], ...names]),
    ...section(10, functions),
    ...section(11, [[0, ...i32(CONSTANTS), ...END, ...sized(constantBytes())]]),
  ]);
}
