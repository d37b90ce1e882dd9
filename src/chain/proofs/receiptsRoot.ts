/**
 * The root of a block's receipts, as its header has it: with a header that is proven, it proves what
 * the block's logs are, whoever gives them (Yellow Paper, sections 4.3.1 and appendix D).
 */
import { toHex, toRlp } from "viem";
import { bytesToHex, type Hex, hexToBytes } from "../../base/hex.ts";
import { keccak256 } from "../../base/keccak.ts";

/** Gas that a log and a byte of its data take at least, and a transaction. */
const LOG_GAS = 375n;
const BYTE_GAS = 8n;
const TRANSACTION_GAS = 21_000n;
/** Logs, or receipts, that may have taken no gas: of a chain's own transactions. */
const MOST_FREE = 1000n;

const BLOOM_BYTES = 256;
const ADDRESS_BYTES = 20;
const TOPIC_BYTES = 32;
const MOST_TOPICS = 4;
/** Deposits of the OP stack: since its Canyon fork their receipts have two fields more. */
const OP_DEPOSIT = 0x7e;

/** A log as an endpoint gave it. */
export interface GivenLog {
  readonly address?: unknown;
  readonly topics?: unknown;
  readonly data?: unknown;
}

/** A receipt as an endpoint gave it. */
export interface GivenReceipt {
  readonly type?: unknown;
  readonly status?: unknown;
  readonly cumulativeGasUsed?: unknown;
  readonly logsBloom?: unknown;
  readonly logs?: unknown;
  readonly depositNonce?: unknown;
  readonly depositReceiptVersion?: unknown;
}

/** An item of RLP: bytes, or a list. */
type Item = Hex | readonly Item[];

/** A value by the half-bytes of its key. */
interface Entry {
  readonly key: readonly number[];
  readonly value: Hex;
}

/**
 * The root of all receipts of a block, in their order; undefined where one is of another form, or
 * where they are more than the gas of the block paid for: whoever makes them up has no limit.
 */
export function receiptsRoot(receipts: readonly GivenReceipt[], gasUsed: bigint): Hex | undefined {
  if (BigInt(receipts.length) > gasUsed / TRANSACTION_GAS + MOST_FREE) return undefined;
  const logs = receipts.flatMap((receipt) => (Array.isArray(receipt.logs) ? receipt.logs : []));
  if (BigInt(logs.length) > gasUsed / LOG_GAS + MOST_FREE) return undefined;
  const length = logs.reduce((sum, log) => sum + lengthOf(log?.data), 0);
  if (BigInt(length) > gasUsed / BYTE_GAS + MOST_FREE * LOG_GAS) return undefined;
  const entries: Entry[] = [];
  for (const [at, receipt] of receipts.entries()) {
    const value = encodingOf(receipt);
    if (value === undefined) return undefined;
    entries.push({ key: halfBytes(toRlp(at === 0 ? "0x" : toHex(at))), value });
  }
  return hashOf(rlp(nodeOf(entries, 0)));
}

function encodingOf(receipt: GivenReceipt): Hex | undefined {
  const { status, cumulativeGasUsed, logsBloom, logs } = receipt;
  const type = Number(receipt.type ?? 0);
  if (!Array.isArray(logs) || !Number.isInteger(type) || type < 0 || type > 0x7f) return undefined;
  const items = logs.map(itemOf);
  if (!items.every((one) => one !== undefined)) return undefined;
  const fields = [
    quantity(status),
    quantity(cumulativeGasUsed),
    bytes(logsBloom, BLOOM_BYTES),
    items,
  ];
  if (type === OP_DEPOSIT && receipt.depositReceiptVersion !== undefined) {
    fields.push(quantity(receipt.depositNonce), quantity(receipt.depositReceiptVersion));
  }
  if (!fields.every((one) => one !== undefined)) return undefined;
  const list = rlp(fields);
  return type === 0 ? list : `0x${type.toString(16).padStart(2, "0")}${list.slice(2)}`;
}

/** Bytes of hex. */
function lengthOf(data: unknown): number {
  return typeof data === "string" ? data.length / 2 : 0;
}

function itemOf(log: GivenLog | null): Item | undefined {
  const address = bytes(log?.address, ADDRESS_BYTES);
  const data = bytes(log?.data);
  if (address === undefined || data === undefined || !Array.isArray(log?.topics)) return undefined;
  const topics = log.topics.slice(0, MOST_TOPICS + 1).map((topic) => bytes(topic, TOPIC_BYTES));
  if (topics.length > MOST_TOPICS) return undefined;
  return topics.every((topic) => topic !== undefined) ? [address, topics, data] : undefined;
}

/** A number as RLP has it: without zeros in front. */
function quantity(value: unknown): Hex | undefined {
  if (typeof value !== "string" || !/^0x[0-9a-fA-F]{1,64}$/.test(value)) return undefined;
  const number = BigInt(value);
  return number === 0n ? "0x" : toHex(number);
}

/** `count`: how many, where that is known. */
function bytes(value: unknown, count?: number): Hex | undefined {
  if (typeof value !== "string" || value.length % 2 !== 0) return undefined;
  if (count !== undefined && value.length !== 2 + 2 * count) return undefined;
  return /^0x[0-9a-fA-F]*$/.test(value) ? (value as Hex) : undefined;
}

/** The trie's node of `entries`, whose keys are the same before `depth`. */
function nodeOf(entries: readonly Entry[], depth: number): Item {
  const [first, ...others] = entries;
  if (first === undefined) return "0x";
  if (others.length === 0) return [pathOf(first.key.slice(depth), true), first.value];
  const end = depth + sharedLength(entries, depth);
  if (end > depth) return [pathOf(first.key.slice(depth, end), false), reference(entries, end)];
  const children = Array.from({ length: 16 }, (_, digit) => {
    const below = entries.filter(({ key }) => key[depth] === digit);
    return below.length === 0 ? "0x" : reference(below, depth + 1);
  });
  // No key of RLP is the beginning of another: no value stands in a branch.
  return [...children, "0x"];
}

/** A node inside another: itself where it is short, or else its hash. */
function reference(entries: readonly Entry[], depth: number): Item {
  const node = nodeOf(entries, depth);
  const encoded = rlp(node);
  return encoded.length < 2 + 64 ? node : hashOf(encoded);
}

function sharedLength(entries: readonly Entry[], depth: number): number {
  const { key } = entries[0] as Entry;
  let length = 0;
  while (entries.every((one) => one.key[depth + length] === key[depth + length])) length += 1;
  return length;
}

/** Half-bytes as bytes, with what kind of node they lead to, and whether their number is odd. */
function pathOf(digits: readonly number[], isLeaf: boolean): Hex {
  const flag = (isLeaf ? 2 : 0) + (digits.length % 2);
  const whole = digits.length % 2 === 1 ? [flag, ...digits] : [flag, 0, ...digits];
  return `0x${whole.map((digit) => digit.toString(16)).join("")}`;
}

function halfBytes(value: Hex): number[] {
  return [...value.slice(2)].map((digit) => Number.parseInt(digit, 16));
}

function rlp(item: Item): Hex {
  return toRlp(item as Parameters<typeof toRlp>[0]) as Hex;
}

function hashOf(encoded: Hex): Hex {
  return bytesToHex(keccak256(hexToBytes(encoded)));
}
