/** The page's entry: the facts that came with it are drawn first, everything else loads after. */
import { render } from "preact";
import { App } from "./app.tsx";
import { requirePolicy } from "./chain/endpoint.ts";
import { openExchange } from "./live/exchange.ts";
import { followMarket } from "./live/market.ts";
import { findWallets } from "./wallet/eip6963.ts";

/** Milliseconds for which the first picture has the processor for itself. */
const FIRST_PICTURE_MS = 50;

requireLanguage();
addEventListener("vite:preloadError", reloadOnce);
await openExchange();
const root = document.getElementById("app");
if (root !== null) render(<App />, root);
requirePolicy();
followMarket();
findWallets();
setTimeout(() => {
  void import("./chain/follow.ts").then(({ followChain }) => followChain());
}, FIRST_PICTURE_MS);

/**
 * A browser in the POSIX locale names a language ("en-US@posix") that Intl throws at, and chart
 * libraries with it, at every picture.
 */
function requireLanguage(): void {
  try {
    Intl.getCanonicalLocales(navigator.language);
  } catch {
    Object.defineProperty(navigator, "language", { value: "en-US" });
  }
}

/** A newer build has other names, and what this page would load is gone; once, never in a circle. */
function reloadOnce(): void {
  const key = "quarterdeck.reloaded";
  if (sessionStorage.getItem(key) !== null) return;
  sessionStorage.setItem(key, "yes");
  location.reload();
}
