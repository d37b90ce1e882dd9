/** Which view is shown: the part of the address behind the #. */
import { signal } from "@preact/signals";
import { isBrowser } from "./live/browser.ts";

export const VIEWS = [
  ["trust", "Trust"],
  ["trade", "Trade"],
  ["explorer", "Explorer"],
  ["operators", "Operators"],
] as const;
export type View = (typeof VIEWS)[number][0];

function viewOf(hash: string): View {
  const name = hash.replace(/^#\/?/, "").split("/")[0];
  return VIEWS.find(([view]) => view === name)?.[0] ?? "trust";
}

export const view = signal<View>(viewOf(isBrowser ? location.hash : ""));

if (isBrowser) {
  addEventListener("hashchange", () => {
    view.value = viewOf(location.hash);
  });
}
