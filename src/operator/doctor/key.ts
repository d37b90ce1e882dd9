/** The doctor's checks of the operator's key: that it can be opened, and is not shared. */
import type { Address } from "../../base/hex.ts";
import type { Log } from "../../base/log.ts";
import type { KeySource } from "../../keys/keySource.ts";
import { loadCurve } from "../../keys/nativeCurve.ts";
import { openSigner } from "../../keys/openSigner.ts";
import { type Finding, failureOf, fine, warning } from "./finding.ts";

export interface KeyInspection {
  readonly findings: readonly Finding[];
  /** Undefined: it cannot be opened, and does not say whose it is. */
  readonly address: Address | undefined;
}

/** Opens the signer as a start would, and lets go of it. */
export async function checkKey(source: KeySource): Promise<KeyInspection> {
  const findings: Finding[] = [];
  const { curve, fallbackBecause } = loadCurve();
  if (fallbackBecause !== undefined) {
    const hint = "Install secp256k1 with its native binding.";
    findings.push(warning("curve", `signatures are slow: ${fallbackBecause}`, hint));
  }
  const watching = new AbortController();
  try {
    const log = asFindings(findings);
    const { signer } = await openSigner(source, { curve, log, signal: watching.signal });
    findings.push(fine("key", `${signer.address}, by ${source.kind}`));
    return { findings, address: signer.address };
  } catch (error) {
    findings.push(failureOf("key", error));
    return { findings, address: source.kind === "web3signer" ? source.address : undefined };
  } finally {
    watching.abort();
  }
}

/** A warning or an error that opening would log is a warning here. */
function asFindings(findings: Finding[]): Log {
  const take = (event: string, fields: Readonly<Record<string, unknown>> = {}) => {
    const { hint, ...rest } = fields;
    const detail = String(rest["warning"] ?? `${event}: ${Object.values(rest).join(", ")}`);
    findings.push(warning("key", detail, String(hint ?? "See the operator's log.")));
  };
  return { info: () => {}, warn: take, error: take, flush: async () => {} };
}
