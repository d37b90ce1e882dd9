/**
 * keccak-256 as a WebAssembly module, made here byte by byte, so that what runs is what can be
 * read. Besides single messages it hashes the two kinds of nodes of a Merkle-sum tree in batches,
 * two at a time: the calls and copies around one message cost as much as its permutation.
 * keccak.ts is its only user.
 */

/** Offset of the 25 lanes of the state, or of two states lane by lane, and of the constants. */
const STATE = 0;
const CONSTANTS = 400;
/** First byte of the memory that callers use. */
export const FREE = 608;
export const MEMORY_BYTES = 4 * 65_536;

const ROUNDS = 24;
const LANES = 25;
/** Bytes absorbed at once, for 32 bytes of hash. */
export const RATE = 136;
/** Bytes of a node: its hash and its sum. */
export const NODE_SIZE = 48;

/** Places of functions in the module. */
const PERMUTE = 0;
const PERMUTE_TWO = 1;

type Code = readonly number[];

const I32 = 0x7f;
const I64 = 0x7e;
const get = (local: number): Code => [0x20, local];
const set = (local: number): Code => [0x21, local];
const tee = (local: number): Code => [0x22, local];
const call = (index: number): Code => [0x10, index];
const i32 = (value: number): Code => [0x41, ...signed(BigInt(value))];
const i64 = (value: bigint): Code => [0x42, ...signed(BigInt.asIntN(64, value))];
/** 8 bytes at the address on the stack and `offset`; no alignment is promised. */
const load = (offset: number): Code => [0x29, 0, ...unsigned(offset)];
const loadByte = (offset: number): Code => [0x31, 0, ...unsigned(offset)];
const store = (offset: number): Code => [0x37, 0, ...unsigned(offset)];
const XOR: Code = [0x85];
const AND: Code = [0x83];
const OR: Code = [0x84];
const SHL: Code = [0x86];
const SHR: Code = [0x88];
const ROTL: Code = [0x89];
const ADD: Code = [0x7c];
const IS_BELOW: Code = [0x54];
const EXTEND: Code = [0xad];
const IS_NOT: Code = [0x47];
const ADD_32: Code = [0x6a];
const LOOP: Code = [0x03, 0x40];
const BLOCK: Code = [0x02, 0x40];
const BRANCH_IF: Code = [0x0d, 0];
const EXIT_IF: Code = [0x0d, 1];
const IS_ABOVE: Code = [0x4a];
const IS_ZERO: Code = [0x45];
const BRANCH: Code = [0x0c, 0];
const END: Code = [0x0b];

function unsigned(value: number): Code {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}

function signed(value: bigint): Code {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    const low = Number(rest & 0x7fn);
    const isLast = rest >> 6n === 0n || rest >> 6n === -1n;
    if (isLast) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

const code = (...parts: readonly Code[]): Code => parts.flat();
const step = (local: number, by: number): Code => code(get(local), i32(by), ADD_32, set(local));

/** The round constants of FIPS 202, from its linear feedback shift register. */
function roundConstants(): bigint[] {
  let register = 1;
  const nextBit = (): number => {
    const bit = register & 1;
    register = (register << 1) ^ (register & 0x80 ? 0x171 : 0);
    return bit;
  };
  return Array.from({ length: ROUNDS }, () => {
    let constant = 0n;
    for (let j = 0; j <= 6; j++) if (nextBit() === 1) constant |= 1n << BigInt(2 ** j - 1);
    return constant;
  });
}

/** The path of rho and pi through the lanes: where each goes, and by how many bits it turns. */
function rhoPi(): { readonly to: number; readonly turn: number }[] {
  let [x, y] = [1, 0];
  return Array.from({ length: LANES - 1 }, (_, t) => {
    [x, y] = [y, (2 * x + 3 * y) % 5];
    return { to: x + 5 * y, turn: (((t + 1) * (t + 2)) / 2) % 64 };
  });
}

/** Instructions on lanes: of one state, or of two states side by side. */
interface Lanes {
  readonly type: number;
  /** Bytes from one lane of the state to the next. */
  readonly stride: number;
  readonly xor: Code;
  load(offset: number): Code;
  store(offset: number): Code;
  /** The round constant at the address on the stack. */
  readonly loadConstant: Code;
  /** The lane in `local`, turned left by `bits`. */
  turned(local: number, bits: number): Code;
  /** The bits of lane `b` that lane `a` does not have. */
  without(a: number, b: number): Code;
}

const ONE_STATE: Lanes = {
  type: I64,
  stride: 8,
  xor: XOR,
  load,
  store,
  loadConstant: load(0),
  turned: (local, bits) => code(get(local), i64(BigInt(bits)), ROTL),
  without: (a, b) => code(get(a), i64(-1n), XOR, get(b), AND),
};

const VECTOR = 0xfd;
const TWO_STATES: Lanes = {
  type: 0x7b,
  stride: 16,
  xor: [VECTOR, 0x51],
  load: (offset) => [VECTOR, 0x00, 0, ...unsigned(offset)],
  store: (offset) => [VECTOR, 0x0b, 0, ...unsigned(offset)],
  loadConstant: [VECTOR, 0x0a, 0, 0],
  turned: (local, bits) =>
    code(
      get(local),
      i32(bits),
      [VECTOR, 0xcb, 0x01],
      get(local),
      i32(64 - bits),
      [VECTOR, 0xcd, 0x01],
      [VECTOR, 0x50],
    ),
  without: (a, b) => code(get(b), get(a), [VECTOR, 0x4f]),
};

/** One round on locals 1 .. 25; local 0 is the address of its constant, 26 .. 31 are free. */
function round({ xor, turned, without, loadConstant }: Lanes): Code {
  const lane = (index: number): number => 1 + index;
  const column = (x: number): number => 26 + (x % 5);
  const kept = 31;
  const parts: Code[] = [];
  for (let x = 0; x < 5; x++) {
    parts.push(get(lane(x)));
    for (let y = 1; y < 5; y++) parts.push(get(lane(x + 5 * y)), xor);
    parts.push(set(column(x)));
  }
  for (let x = 0; x < 5; x++) {
    parts.push(get(column(x + 4)), turned(column(x + 1), 1), xor, set(kept));
    for (let y = 0; y < 5; y++) {
      parts.push(get(lane(x + 5 * y)), get(kept), xor, set(lane(x + 5 * y)));
    }
  }
  parts.push(get(lane(1)), set(kept));
  for (const { to, turn } of rhoPi()) {
    parts.push(get(lane(to)), set(column(0)));
    parts.push(turned(kept, turn), set(lane(to)), get(column(0)), set(kept));
  }
  for (let y = 0; y < 5; y++) {
    for (let x = 0; x < 5; x++) parts.push(get(lane(x + 5 * y)), set(column(x)));
    for (let x = 0; x < 5; x++) {
      parts.push(without(column(x + 1), column(x + 2)), get(column(x)), xor);
      parts.push(set(lane(x + 5 * y)));
    }
  }
  return code(...parts, get(lane(0)), get(0), loadConstant, xor, set(lane(0)));
}

/** () -> (): the permutation of the state, or of both. */
function permute(lanes: Lanes): Code {
  const parts: Code[] = [];
  for (let i = 0; i < LANES; i++) {
    parts.push(i32(STATE), lanes.load(lanes.stride * i), set(1 + i));
  }
  parts.push(i32(CONSTANTS), set(0), LOOP, round(lanes), step(0, 8));
  parts.push(get(0), i32(CONSTANTS + 8 * ROUNDS), IS_NOT, BRANCH_IF, END);
  for (let i = 0; i < LANES; i++) {
    parts.push(i32(STATE), get(1 + i), lanes.store(lanes.stride * i));
  }
  return code(...parts);
}

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

const text = (name: string): Code => sized([...new TextEncoder().encode(name)]);
const sized = (bytes: Code): Code => [...unsigned(bytes.length), ...bytes];
const listed = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const section = (id: number, items: readonly Code[]): Code => [id, ...sized(listed(items))];
/** A function with `locals` (count and type) besides its parameters. */
const body = (locals: readonly Code[], instructions: Code): Code =>
  sized(code(listed(locals), instructions, END));

function constantBytes(): Code {
  const bytes = new DataView(new ArrayBuffer(8 * ROUNDS));
  for (const [i, constant] of roundConstants().entries()) {
    bytes.setBigUint64(8 * i, constant, true);
  }
  return [...new Uint8Array(bytes.buffer)];
}

/** The module: memory, sponge, leaves and parents are its exports. */
export function keccakModule(): Uint8Array<ArrayBuffer> {
  const batch = [I32, I32, I32];
  const types = [
    [0x60, 0, 0],
    [0x60, ...listed(batch.map((one) => [one])), 0],
  ];
  const functions = [
    ...[ONE_STATE, TWO_STATES].map((lanes) =>
      body(
        [
          [1, I32],
          [31, lanes.type],
        ],
        permute(lanes),
      ),
    ),
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
