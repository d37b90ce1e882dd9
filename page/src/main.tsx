/** The page's script: the facts that came with it are drawn first, everything else loads after. */
import { render } from "preact";
import { App, LATER } from "./app.tsx";
import { requirePolicy } from "./chain/endpoint.ts";
import { isLive, openExchange } from "./live/exchange.ts";
import { followMarket } from "./live/market.ts";
import { findWallets } from "./wallet/eip6963.ts";
import { accounts, disputes, exit } from "./wallet/lazy.ts";

/** Milliseconds for which the first picture has the processor for itself. */
const FIRST_PICTURE_MS = 50;

requireLanguage();
addEventListener("vite:preloadError", reloadOnce);
await openExchange();
const root = document.getElementById("app");
if (root !== null) render(<App />, root);
delete document.documentElement.dataset["opening"];
requirePolicy();
followMarket();
findWallets();
setTimeout(() => void loadRest(), FIRST_PICTURE_MS);

/**
 * Loads all that is left while the operator still answers: the way out must not hang on whether it
 * does when it is needed.
 */
async function loadRest(): Promise<void> {
  const { followChain } = await import("./chain/follow.ts");
  followChain();
  await Promise.allSettled([exit(), accounts(), disputes()]);
  await Promise.allSettled(Object.values(LATER).map((load) => load()));
  const { noteTakeOvers } = await import("./views/operators/series.ts");
  noteTakeOvers();
}

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

/** A newer build has other names: what this page would load is gone. Once, never in a circle. */
function reloadOnce(): void {
  const key = "quarterdeck.reloaded";
  // A page that is there is worth more than one whose operator is gone.
  if (!isLive.value || sessionStorage.getItem(key) !== null) return;
  sessionStorage.setItem(key, "yes");
  location.reload();
}
