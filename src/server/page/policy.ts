/** The headers of the page: what a browser lets it load, and whom it may talk to. */

/** Origins that a visitor may add to those of the operator, at most. */
const MOST_CHOSEN = 8;

/**
 * The origin of an HTTP or WebSocket address, undefined where it is none. Only what a parser made
 * goes into a header: no text of a visitor can end a directive.
 */
export function originOf(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const { protocol, host, username } = new URL(address);
  const isKnown = ["http:", "https:", "ws:", "wss:"].includes(protocol);
  if (!isKnown || username !== "" || !/^[\w.:[\]-]+$/.test(host)) return undefined;
  return `${protocol}//${host}`;
}

/** The origins in a query's `connect`: endpoints of the chain that the visitor chose. */
export function chosenOrigins(query: unknown): string[] {
  const text = (query as { readonly connect?: unknown } | null)?.connect;
  const given = typeof text === "string" ? text.split(",").slice(0, MOST_CHOSEN) : [];
  return given.flatMap((one) => originOf(one) ?? []);
}

/** An operator is spoken to by HTTP, and listened to by WebSocket. */
export function withStreams(origins: readonly string[]): string[] {
  return origins.flatMap((origin) => [origin, origin.replace(/^http/, "ws")]);
}

/**
 * `connect`: origins besides the operator's own. Nothing inline, nothing of a third party; hashes
 * are made by WebAssembly, which wants a word of its own.
 */
export function contentPolicy(connect: readonly string[]): string {
  const origins = [...new Set(connect)];
  return [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    `connect-src ${["'self'", ...origins].join(" ")}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

export const FIXED_HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "camera=(), microphone=(), geolocation=()",
} as const;
