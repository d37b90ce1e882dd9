/** Wallets of the browser, as they announce themselves (EIP-6963); an older one by `ethereum`. */
import { signal } from "@preact/signals";
import type { WalletProvider } from "../../../src/client/signing/wallet.ts";

export interface FoundWallet {
  readonly id: string;
  readonly name: string;
  /** A picture as a data URL; undefined: none that may be shown. */
  readonly icon: string | undefined;
  readonly provider: WalletProvider;
}

export const wallets = signal<readonly FoundWallet[]>([]);

interface Announced {
  readonly info?: { readonly uuid?: unknown; readonly name?: unknown; readonly icon?: unknown };
  readonly provider?: unknown;
}

/** Asks the wallets to announce themselves, and hears those that come later too. */
export function findWallets(): void {
  addEventListener("eip6963:announceProvider", (event) => {
    const found = parseAnnounced((event as CustomEvent<Announced | null>).detail);
    if (found === undefined) return;
    wallets.value = [...wallets.value.filter(({ id }) => id !== found.id), found];
  });
  dispatchEvent(new Event("eip6963:requestProvider"));
  const { ethereum } = globalThis as { readonly ethereum?: unknown };
  if (wallets.value.length === 0 && isProvider(ethereum)) {
    const name = "Browser wallet";
    wallets.value = [{ id: "ethereum", name, icon: undefined, provider: ethereum }];
  }
}

function parseAnnounced(detail: Announced | null): FoundWallet | undefined {
  const { info, provider } = detail ?? {};
  if (typeof info?.uuid !== "string" || typeof info.name !== "string") return undefined;
  if (!isProvider(provider)) return undefined;
  const { icon } = info;
  const isShown = typeof icon === "string" && icon.startsWith("data:image/");
  return { id: info.uuid, name: info.name, icon: isShown ? icon : undefined, provider };
}

function isProvider(value: unknown): value is WalletProvider {
  return typeof (value as { request?: unknown } | null | undefined)?.request === "function";
}
