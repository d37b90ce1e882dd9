/** Puts the exchange where the users of ccxt look for it. */
import ccxt from "ccxt";
import { quarterdeck } from "./quarterdeck.ts";

interface Registry {
  exchanges: string[];
  [id: string]: unknown;
}

/**
 * From now on `new ccxt.quarterdeck(…)` and `new ccxt.pro.quarterdeck(…)` are this exchange, and the
 * lists of exchanges name it. Called again it changes nothing.
 */
export function register(): typeof quarterdeck {
  for (const registry of [ccxt, ccxt.pro] as unknown as Registry[]) {
    registry["quarterdeck"] = quarterdeck;
    if (!registry.exchanges.includes("quarterdeck")) registry.exchanges.push("quarterdeck");
  }
  return quarterdeck;
}
