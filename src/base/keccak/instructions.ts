/** Instructions of WebAssembly, and the sections of a module, as their bytes. */

export type Code = readonly number[];

export const I32 = 0x7f;
export const I64 = 0x7e;
export const get = (local: number): Code => [0x20, local];
export const set = (local: number): Code => [0x21, local];
export const tee = (local: number): Code => [0x22, local];
export const call = (index: number): Code => [0x10, index];
export const i32 = (value: number): Code => [0x41, ...signed(BigInt(value))];
export const i64 = (value: bigint): Code => [0x42, ...signed(BigInt.asIntN(64, value))];
/** 8 bytes at the address on the stack and `offset`; no alignment is promised. */
export const load = (offset: number): Code => [0x29, 0, ...unsigned(offset)];
export const loadByte = (offset: number): Code => [0x31, 0, ...unsigned(offset)];
export const store = (offset: number): Code => [0x37, 0, ...unsigned(offset)];
export const XOR: Code = [0x85];
export const AND: Code = [0x83];
export const OR: Code = [0x84];
export const SHL: Code = [0x86];
export const SHR: Code = [0x88];
export const ROTL: Code = [0x89];
export const ADD: Code = [0x7c];
export const IS_BELOW: Code = [0x54];
export const EXTEND: Code = [0xad];
export const IS_NOT: Code = [0x47];
export const ADD_32: Code = [0x6a];
export const LOOP: Code = [0x03, 0x40];
export const BLOCK: Code = [0x02, 0x40];
export const BRANCH_IF: Code = [0x0d, 0];
export const EXIT_IF: Code = [0x0d, 1];
export const IS_ABOVE: Code = [0x4a];
export const IS_ZERO: Code = [0x45];
export const BRANCH: Code = [0x0c, 0];
export const END: Code = [0x0b];

export function unsigned(value: number): Code {
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

export const code = (...parts: readonly Code[]): Code => parts.flat();
export const step = (local: number, by: number): Code =>
  code(get(local), i32(by), ADD_32, set(local));

export const text = (name: string): Code => sized([...new TextEncoder().encode(name)]);
export const sized = (bytes: Code): Code => [...unsigned(bytes.length), ...bytes];
export const listed = (items: readonly Code[]): Code => [
  ...unsigned(items.length),
  ...items.flat(),
];
export const section = (id: number, items: readonly Code[]): Code => [id, ...sized(listed(items))];
/** A function with `locals` (count and type) besides its parameters. */
export const body = (locals: readonly Code[], instructions: Code): Code =>
  sized(code(listed(locals), instructions, END));
