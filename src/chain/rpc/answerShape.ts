/**
 * The shape of an endpoint's answer: what cannot be an answer to the question at all is a failure of
 * the endpoint, so that another is asked. Fields that nobody needs may be missing, or be null.
 */

type Check = (result: unknown, params: readonly unknown[]) => boolean;

const QUANTITY = /^0x[0-9a-fA-F]+$/;
const BYTES = /^0x([0-9a-fA-F]{2})*$/;
const HASH = /^0x[0-9a-fA-F]{64}$/;
const UPPER = /[A-F]/;
const SHOWN_LENGTH = 80;

const isText = (pattern: RegExp) => (value: unknown) =>
  typeof value === "string" && pattern.test(value);
const isHash = isText(HASH);
const isBytes = isText(BYTES);
/** Some nodes give a plain number. */
const isQuantity = (value: unknown) =>
  isText(QUANTITY)(value) || (Number.isSafeInteger(value) && (value as number) >= 0);
/** A number of blocks or seconds: no chain has so many that a number is not exact. */
const isCount = (value: unknown) => isQuantity(value) && Number.isSafeInteger(Number(value));
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isAnyText = (value: unknown) => typeof value === "string";
const isMissing = (value: unknown) => value === undefined || value === null;

function isLog(value: unknown): boolean {
  if (!isObject(value) || !Array.isArray(value.topics)) return false;
  return value.topics.every(isHash) && [value.data, value.address].every(isAnyText);
}

const isListOfLogs = (value: unknown) => Array.isArray(value) && value.every(isLog);

/** Of the block that was asked for, where it was asked for by a number or a hash. */
function isBlock(result: unknown, [wanted]: readonly unknown[]): boolean {
  if (result === null) return true;
  if (!isObject(result)) return false;
  const { number, hash, timestamp, transactions } = result;
  if (!isCount(number) || !isHash(hash) || !isCount(timestamp)) return false;
  if (!isMissing(transactions) && !Array.isArray(transactions)) return false;
  if (isHash(wanted)) return String(hash).toLowerCase() === String(wanted).toLowerCase();
  return !isQuantity(wanted) || Number(number) === Number(wanted);
}

function isReceipt(result: unknown): boolean {
  if (result === null) return true;
  return isObject(result) && (isMissing(result.logs) || isListOfLogs(result.logs));
}

/** A deposit is found by the end of its transaction's input. */
const isTransaction = (result: unknown) =>
  result === null || (isObject(result) && isBytes(result.input));
const isReceipts = (result: unknown) =>
  result === null || (Array.isArray(result) && result.every(isReceipt));

const CHECKS: Readonly<Record<string, Check>> = {
  eth_blockNumber: isCount,
  eth_call: isBytes,
  eth_chainId: isQuantity,
  eth_estimateGas: isQuantity,
  eth_gasPrice: isQuantity,
  eth_getBalance: isQuantity,
  eth_getBlockByHash: isBlock,
  eth_getBlockByNumber: isBlock,
  eth_getBlockReceipts: isReceipts,
  eth_getCode: isBytes,
  eth_getLogs: isListOfLogs,
  eth_getTransactionByHash: isTransaction,
  eth_getTransactionCount: isQuantity,
  eth_getTransactionReceipt: isReceipt,
  eth_maxPriorityFeePerGas: isQuantity,
  eth_sendRawTransaction: isHash,
};

/** A request, as far as its answer depends on it. */
export interface Question {
  readonly method: string;
  readonly params?: unknown;
}

/** The reason why `result` is no answer to the question; undefined where it may be one. */
export function shapeFault({ method, params }: Question, result: unknown): string | undefined {
  const check = Object.hasOwn(CHECKS, method) ? CHECKS[method] : undefined;
  if (check === undefined || check(result, Array.isArray(params) ? params : [])) return undefined;
  const shown = JSON.stringify(result) ?? String(result);
  const short = shown.length > SHOWN_LENGTH ? `${shown.slice(0, SHOWN_LENGTH)}...` : shown;
  return `it answered ${method} with what is no answer to it: ${short}`;
}

/**
 * The same result with all hex in lower case, as hashes and data are compared: in place. Digits of
 * either case mean the same, and an endpoint may choose.
 */
export function withLowerHex(result: unknown): unknown {
  if (typeof result === "string") return lowerHex(result);
  if (typeof result !== "object") return result;
  const left = [result];
  while (left.length > 0) {
    const item = left.pop() as Record<string, unknown> | null;
    for (const key in item) {
      const value = item[key];
      if (typeof value === "object") left.push(value);
      else if (typeof value === "string" && UPPER.test(value)) item[key] = lowerHex(value);
    }
  }
  return result;
}

function lowerHex(text: string): string {
  return text.startsWith("0x") && /^0x[0-9a-fA-F]*$/.test(text) ? text.toLowerCase() : text;
}
