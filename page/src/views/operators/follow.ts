/** The operators that the page may ask, followed while a view shows them. */
import { useEffect } from "preact/hooks";
import { chainOperators } from "../../chain/state.ts";
import { operatorUrls } from "../../live/exchange.ts";
import { sameUrl } from "../../ui/format.ts";
import { followOperators } from "./series.ts";

/** Follows them from the first picture of a view to its last; gives their addresses. */
export function useOperators(): readonly string[] {
  const listed = chainOperators.value?.operators ?? [];
  const known = new Set([
    ...operatorUrls.value,
    ...listed.map(({ endpoint }) => endpoint.replace(/\/+$/, "")).filter(isReachable),
  ]);
  const urls = [...known];
  const key = urls.join(" ");
  useEffect(() => followOperators(key.split(" ")), [key]);
  return urls;
}

/** An operator that the page's policy allows. */
function isReachable(url: string): boolean {
  return operatorUrls.value.some((one) => sameUrl(one, url));
}
