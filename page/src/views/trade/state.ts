/** The trade view's own choices: the ticket that is being filled in, and how the book is shown. */
import { computed, signal } from "@preact/signals";
import { exchange } from "../../live/exchange.ts";
import { market } from "../../live/market.ts";
import { gridOf } from "./grid.ts";

export const side = signal<"buy" | "sell">("buy");
export const priceInput = signal("");
export const amountInput = signal("");
/** Index into the steps by which the book can be gathered. */
export const groupIndex = signal(0);

export const grid = computed(() => {
  const facts = exchange.value;
  const chosen = market.value;
  return facts === undefined || chosen === undefined ? undefined : gridOf(facts, chosen);
});
