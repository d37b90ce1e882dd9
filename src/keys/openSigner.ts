/** Makes the signer that the configuration names. */
import type { Curve } from "../base/curve.ts";
import type { Hex } from "../base/hex.ts";
import type { Log } from "../base/log.ts";
import { Secret } from "../base/secret.ts";
import { localSigner, type Signer, signerOf } from "../chain/signer.ts";
import type { HealthCheck } from "../wire/schemas/health.ts";
import { type KeyFile, readKeyFile, readPasswordFile } from "./keyFiles.ts";
import type { KeySource } from "./keySource.ts";
import { openKeystore, parseKeystore } from "./keystore.ts";
import { Web3Signer } from "./web3signer.ts";

export interface OpenedSigner {
  readonly signer: Signer;
  /** True if the signer signs now, as far as is known, and keeps up. */
  canSign(): boolean;
  /** The checks for `/health`; none of a key in memory, which always signs. */
  checks(): HealthCheck[];
}

export interface OpenOptions {
  readonly curve: Curve;
  readonly log: Log;
  /** Ends the watch over a remote signer. */
  readonly signal: AbortSignal;
}

/**
 * Throws `SignerUnavailable` when a remote signer does not sign yet, and a `QuarterdeckError` that
 * names the field to correct otherwise.
 */
export async function openSigner(source: KeySource, options: OpenOptions): Promise<OpenedSigner> {
  switch (source.kind) {
    case "privateKey":
      return inMemory(source.privateKey, options);
    case "keystore":
      return inMemory(await unlock(source, options.log), options);
    case "web3signer":
      return remote(source, options);
  }
}

function inMemory(privateKey: Secret, { curve }: OpenOptions): OpenedSigner {
  const signer = localSigner(privateKey.reveal() as Hex, curve);
  return { signer, canSign: () => true, checks: () => [] };
}

async function unlock(
  { path, password }: Extract<KeySource, { kind: "keystore" }>,
  log: Log,
): Promise<Secret> {
  const taken = ({ text, warning }: KeyFile): Secret => {
    if (warning !== undefined) log.warn("keyFileShared", { warning, hint: "chmod 600" });
    return text;
  };
  const file = taken(await readKeyFile(path, "keystore.path"));
  const keystore = parseKeystore(file.reveal(), path);
  const opening =
    password instanceof Secret
      ? password
      : taken(await readPasswordFile(password.file, "keystore.passwordFile"));
  return openKeystore(keystore, opening, path);
}

async function remote(
  { url, address, timeoutMs }: Extract<KeySource, { kind: "web3signer" }>,
  { curve, log, signal }: OpenOptions,
): Promise<OpenedSigner> {
  if (isInTheClear(url)) {
    log.warn("signerInTheClear", {
      url,
      hint: "use https, or a network where nobody else can ask for signatures",
    });
  }
  const holder = await Web3Signer.connect({
    url,
    address,
    timeoutMs,
    curve,
    signal,
    onChange: (problem) => {
      if (problem === undefined) log.info("signerBack", { url });
      else log.error("signerUnavailable", { url, problem });
    },
  });
  return {
    signer: signerOf(holder),
    canSign: () => holder.keepsUp,
    checks: () => [
      {
        name: "signer",
        state: holder.problem === undefined ? "ok" : "failed",
        detail: holder.problem ?? `Web3Signer at ${url} signs`,
      },
    ],
  };
}

function isInTheClear(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  const isHere = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  return protocol === "http:" && !isHere;
}
