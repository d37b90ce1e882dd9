/** Numbers, addresses and times as people read them. Money stays exact: text, never a float. */
import { formatDecimal } from "../../../src/base/decimal.ts";
import type { Address, Hex } from "../../../src/base/hex.ts";
import type { ExchangeResponse } from "../../../src/wire/schemas/exchange.ts";

type Tokens = Pick<ExchangeResponse, "tokens">;

/** "1234567.5" as "1,234,567.5". */
export function grouped(text: string): string {
  const [whole = "", fraction] = text.split(".");
  const spaced = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return fraction === undefined ? spaced : `${spaced}.${fraction}`;
}

/** `digits` after the point, cut off and never rounded up: nobody is shown more than there is. */
export function fixed(text: string, digits: number): string {
  const [whole = "", fraction = ""] = text.split(".");
  const cut = fraction.slice(0, digits).padEnd(digits, "0");
  return digits === 0 ? grouped(whole) : `${grouped(whole)}.${cut}`;
}

/** Base units as whole tokens. Without `digits` every digit that is not zero. */
export function amountText(amount: bigint, decimals: number, digits?: number): string {
  const text = formatDecimal(amount, decimals);
  return digits === undefined ? grouped(text) : fixed(text, digits);
}

export function symbolOf({ tokens }: Tokens, token: Address): string {
  return tokens.find((one) => one.token === token)?.symbol ?? shortHex(token);
}

export function decimalsOf({ tokens }: Tokens, token: Address): number {
  return tokens.find((one) => one.token === token)?.decimals ?? 0;
}

export function tokenText(exchange: Tokens, token: Address, amount: bigint): string {
  const decimals = decimalsOf(exchange, token);
  return `${amountText(amount, decimals)} ${symbolOf(exchange, token)}`;
}

export function sameUrl(a: string, b: string): boolean {
  return a.replace(/\/+$/, "") === b.replace(/\/+$/, "");
}

export function shortHex(hex: Hex | string): string {
  return hex.length > 14 ? `${hex.slice(0, 6)}…${hex.slice(-4)}` : hex;
}

/** "45 s", "3 min", "6 h 10 min", "2 d 4 h". */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** "8 blocks", with the time that they take where the pace is known. */
export function blocksText(blocks: number, blockMs: number | undefined): string {
  const count = `${grouped(String(blocks))} ${blocks === 1 ? "block" : "blocks"}`;
  return blockMs === undefined ? count : `${count} · ~${durationText(blocks * blockMs)}`;
}

export function timeText(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "–";
  return new Date(ms).toLocaleTimeString("en-GB");
}

export function dateTimeText(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "–";
  return new Date(ms).toLocaleString("en-GB", {
    day: "2-digit",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
}

/** The sentence of an error, as the library says it: its errors end with what to do. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { hint } = error as { readonly hint?: unknown };
  const { message } = error;
  return typeof hint === "string" && hint !== "" && !message.includes(hint)
    ? `${message} ${hint}`
    : message;
}
