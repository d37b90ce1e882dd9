/** `@quarterdeck/client/ccxt`: the exchange as a class of ccxt, which is a peer dependency. */
export type { QuarterdeckOptions } from "../ccxt/connection.ts";
export { quarterdeck } from "../ccxt/quarterdeck.ts";
export { register } from "../ccxt/register.ts";
