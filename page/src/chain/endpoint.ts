/**
 * The visitor's endpoint of the chain. The page's policy names whom it may talk to, so another
 * endpoint means another policy: the page is opened anew with the origin in its address.
 */
import { computed, signal } from "@preact/signals";
import { isBrowser } from "../live/browser.ts";
import { offeredRpc } from "../live/exchange.ts";

const KEY = "quarterdeck.rpc";

/** The visitor's own choice, which nobody else makes: no link can. */
const chosen = signal<string | undefined>(
  (isBrowser ? localStorage.getItem(KEY) : null) ?? undefined,
);

export const rpcUrl = computed(() => chosen.value ?? offeredRpc.value[0]);
/** Whether the endpoint is the operator's word: whoever trusts nobody names an own one. */
export const isOffered = computed(() => chosen.value === undefined);

export function isEndpoint(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

/** Takes another endpoint, and opens the page anew. Undefined: what the operator offers. */
export function chooseEndpoint(url: string | undefined): void {
  if (url === undefined) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, url);
  openWith(url);
}

/** Opens the page anew where its policy does not know the chosen endpoint yet. */
export function requirePolicy(): void {
  const url = chosen.value;
  const isServed = document.getElementById("facts") !== null;
  if (url === undefined || !isServed) return;
  const { origin } = new URL(url);
  const known = [location.origin, ...offeredRpc.value.map((one) => new URL(one).origin)];
  if (!known.includes(origin) && !connectsOf(location.search).includes(origin)) openWith(url);
}

function connectsOf(search: string): string[] {
  return (new URLSearchParams(search).get("connect") ?? "").split(",");
}

function openWith(url: string | undefined): void {
  const query = url === undefined ? "" : `?connect=${encodeURIComponent(new URL(url).origin)}`;
  location.replace(`${location.pathname}${query}${location.hash}`);
}
