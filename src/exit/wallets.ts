/** Wallets in a browser, as they announce themselves (EIP-6963). */
import type { Provider } from "../chain/rpc/provider.ts";

export interface FoundWallet {
  /** Of this wallet on this page. */
  readonly uuid: string;
  /** The wallet's own word for itself: text, never markup. */
  readonly name: string;
  readonly provider: Provider;
}

const LONGEST_NAME = 60;

/**
 * Asks all wallets to announce themselves on `target`, and calls `onFound` for each, once. Wallets
 * that are loaded later announce themselves too. Gives what ends it.
 */
export function findWallets(
  target: EventTarget,
  onFound: (wallet: FoundWallet) => void,
): () => void {
  const seen = new Set<string>();
  const onAnnounced = (event: Event) => {
    const wallet = announcedIn((event as CustomEvent<unknown>).detail);
    if (wallet === undefined || seen.has(wallet.uuid)) return;
    seen.add(wallet.uuid);
    onFound(wallet);
  };
  target.addEventListener("eip6963:announceProvider", onAnnounced);
  target.dispatchEvent(new Event("eip6963:requestProvider"));
  return () => target.removeEventListener("eip6963:announceProvider", onAnnounced);
}

/** Undefined for what is no announcement. */
function announcedIn(detail: unknown): FoundWallet | undefined {
  const { info, provider } = (detail ?? {}) as { info?: unknown; provider?: unknown };
  const { uuid, name } = (info ?? {}) as { uuid?: unknown; name?: unknown };
  const speaks = typeof (provider as { request?: unknown } | undefined)?.request === "function";
  if (typeof uuid !== "string" || typeof name !== "string" || !speaks) return undefined;
  return { uuid, name: name.slice(0, LONGEST_NAME), provider: provider as Provider };
}
