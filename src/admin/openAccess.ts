/** The chain and the key of a command that runs without an operator. */
import type { Signer } from "../chain/signer.ts";
import { loadCurve } from "../keys/nativeCurve.ts";
import { openSigner } from "../keys/openSigner.ts";
import {
  type ChainAccess,
  KEY_VARIABLE,
  PASSWORD_VARIABLE,
  readAccess,
} from "../operator/config/config.ts";
import { LOG } from "./terminal.ts";

export interface Access {
  readonly chain: ChainAccess;
  /** Throws where no key is named, or it cannot be opened. */
  openSigner(signal: AbortSignal): Promise<Signer>;
}

/** Throws `BadConfiguration`. Key and password are taken out of the environment. */
export function openAccess(file: string): Access {
  const environment = { ...process.env };
  // Crash reports of this process shall not find them there.
  delete process.env[KEY_VARIABLE];
  delete process.env[PASSWORD_VARIABLE];
  const chain = readAccess(file, environment);
  return {
    chain,
    openSigner: async (signal) => {
      const { curve } = loadCurve();
      return (await openSigner(chain.key(), { curve, log: LOG, signal })).signer;
    },
  };
}
