/** The permutation of keccak, of one state or of two side by side in the lanes of vectors. */
import {
  AND,
  BRANCH_IF,
  body,
  type Code,
  code,
  END,
  get,
  I32,
  I64,
  IS_NOT,
  i32,
  i64,
  LOOP,
  load,
  ROTL,
  set,
  step,
  store,
  unsigned,
  XOR,
} from "./instructions.ts";

/** Offset of the lanes of the state, or of two states lane by lane, and of the constants. */
export const STATE = 0;
export const CONSTANTS = 400;

const ROUNDS = 24;
export const LANES = 25;

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

/** Where rho and pi take a lane from, and by how many bits they turn it. */
interface Step {
  readonly source: number;
  readonly turn: number;
}

/** The steps of rho and pi, by the lanes that they lead to. */
function rhoPi(): readonly Step[] {
  const steps: Step[] = [{ source: 0, turn: 0 }];
  let [x, y] = [1, 0];
  for (let t = 0; t < LANES - 1; t++) {
    const source = x + 5 * y;
    [x, y] = [y, (2 * x + 3 * y) % 5];
    steps[x + 5 * y] = { source, turn: (((t + 1) * (t + 2)) / 2) % 64 };
  }
  return steps;
}

/** Instructions on lanes: of one state, or of two states side by side. */
export interface Lanes {
  readonly type: number;
  /** Bytes from one lane of the state to the next. */
  readonly stride: number;
  /** Rounds in the body of the loop; even, and a part of ROUNDS. Found by trial. */
  readonly unrolled: number;
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

export const ONE_STATE: Lanes = {
  type: I64,
  stride: 8,
  unrolled: 2,
  xor: XOR,
  load,
  store,
  loadConstant: load(0),
  turned: (local, bits) => code(get(local), i64(BigInt(bits)), ROTL),
  without: (a, b) => code(get(a), i64(-1n), XOR, get(b), AND),
};

const VECTOR = 0xfd;
export const TWO_STATES: Lanes = {
  type: 0x7b,
  stride: 16,
  unrolled: 6,
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

/** The first locals of the lanes that a round reads and of those that it writes, by turns. */
const EVEN = 1;
const ODD = EVEN + LANES;
/** Locals of a round: the parities of the columns, what theta adds to each, and a row. */
const PARITY = ODD + LANES;
const ADDED = PARITY + 5;
const ROW = ADDED + 5;
/** All locals of the permutation but local 0. */
const LANE_LOCALS = ROW + 5 - 1;

/**
 * One round, of the lanes from local `from` on to those from `to` on; local 0 is the address of its
 * constant. It goes row by row, since processors have registers for a third of the values.
 */
function round({ xor, turned, without, loadConstant }: Lanes, from: number, to: number): Code {
  const parts: Code[] = [];
  for (let x = 0; x < 5; x++) {
    parts.push(get(from + x));
    for (let y = 1; y < 5; y++) parts.push(get(from + x + 5 * y), xor);
    parts.push(set(PARITY + x));
  }
  for (let x = 0; x < 5; x++) {
    parts.push(get(PARITY + ((x + 4) % 5)), turned(PARITY + ((x + 1) % 5), 1), xor, set(ADDED + x));
  }
  const sources = rhoPi();
  for (let y = 0; y < 5; y++) {
    for (let x = 0; x < 5; x++) {
      const { source, turn } = sources[x + 5 * y] as Step;
      parts.push(get(from + source), get(ADDED + (source % 5)), xor, set(ROW + x));
      if (turn > 0) parts.push(turned(ROW + x, turn), set(ROW + x));
    }
    for (let x = 0; x < 5; x++) {
      parts.push(without(ROW + ((x + 1) % 5), ROW + ((x + 2) % 5)), get(ROW + x), xor);
      if (x + y === 0) parts.push(get(0), loadConstant, xor);
      parts.push(set(to + x + 5 * y));
    }
  }
  return code(...parts, step(0, 8));
}

/** The function () -> () that permutes the state, or both. */
export function permutation(lanes: Lanes): Code {
  const parts: Code[] = [];
  for (let i = 0; i < LANES; i++) {
    parts.push(i32(STATE), lanes.load(lanes.stride * i), set(EVEN + i));
  }
  parts.push(i32(CONSTANTS), set(0), LOOP);
  for (let i = 0; i < lanes.unrolled; i += 2) {
    parts.push(round(lanes, EVEN, ODD), round(lanes, ODD, EVEN));
  }
  parts.push(get(0), i32(CONSTANTS + 8 * ROUNDS), IS_NOT, BRANCH_IF, END);
  for (let i = 0; i < LANES; i++) {
    parts.push(i32(STATE), get(EVEN + i), lanes.store(lanes.stride * i));
  }
  const locals = [
    [1, I32],
    [LANE_LOCALS, lanes.type],
  ];
  return body(locals, code(...parts));
}

/** The round constants where the permutation reads them: for a data segment. */
export function constantBytes(): Code {
  const bytes = new DataView(new ArrayBuffer(8 * ROUNDS));
  for (const [i, constant] of roundConstants().entries()) {
    bytes.setBigUint64(8 * i, constant, true);
  }
  return [...new Uint8Array(bytes.buffer)];
}
