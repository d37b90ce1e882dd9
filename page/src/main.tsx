/** The page's entry: the facts that came with it are drawn first, everything else loads after. */
import { render } from "preact";
import { App } from "./app.tsx";
import { requirePolicy } from "./chain/endpoint.ts";
import { openExchange } from "./live/exchange.ts";
import { followMarket } from "./live/market.ts";
import { findWallets } from "./wallet/eip6963.ts";

/** Milliseconds for which the first picture has the processor for itself. */
const FIRST_PICTURE_MS = 50;

await openExchange();
const root = document.getElementById("app");
if (root !== null) render(<App />, root);
requirePolicy();
followMarket();
findWallets();
setTimeout(() => {
  void import("./chain/follow.ts").then(({ followChain }) => followChain());
}, FIRST_PICTURE_MS);
