/**
 * Which attestations of a commit count, and which of them are sent with it. Pure: the same rules as
 * the Mediator's, so that what is sent is not refused. docs/protocol.md section 4.
 */
import type { Curve } from "../../base/curve.ts";
import { type Address, type Hex, isHex } from "../../base/hex.ts";
import type { Attestation } from "../../journal/journal.ts";
import { hashCommit } from "../../protocol/messages.ts";
import { recoverSigner } from "../../protocol/signatures.ts";
import type { Domain, Round, Signature } from "../../protocol/units.ts";

/** An attestation whose signature was verified: `operator` is who signed. */
export interface Attested {
  readonly operator: Address;
  readonly rootsHash: Hex;
  readonly signature: Signature;
}

/** Undefined unless the operator that it names signed these roots of this round. */
export function verifyAttestation(
  curve: Curve,
  domain: Domain,
  { round, operator, rootsHash, signature }: Attestation,
): Attested | undefined {
  if (!isHex(rootsHash, 32) || !isHex(signature, 64)) return undefined;
  const found = signatureOf(signature);
  const signer = recoverSigner(curve, domain, hashCommit({ round, rootsHash }), found);
  if (signer?.toLowerCase() !== operator.toLowerCase()) return undefined;
  return { operator: signer, rootsHash, signature: found };
}

/** An attestation as it is stored; `signature` is of a message by itself. */
export function attestationOf(
  round: Round,
  { operator, rootsHash, signature }: Attested,
): Attestation {
  const { r, vs } = signature;
  return { round, operator, rootsHash, signature: `0x${r.slice(2)}${vs.slice(2)}` };
}

function signatureOf(words: Hex): Signature {
  return { r: `0x${words.slice(2, 66)}`, vs: `0x${words.slice(66)}`, path: [] };
}

/** The requirements on the attestations of one commit. */
export interface Wanted {
  readonly rootsHash: Hex;
  /** The sender of the commit, which stands behind it without an attestation. */
  readonly sender: Address;
  /** Operators that the manager knows now. */
  readonly approved: ReadonlySet<Address>;
  /** Operators that must stand behind a commit, its sender included. */
  readonly quorum: number;
}

/**
 * Signatures in the order in which the Mediator takes them: as many as the quorum needs, or fewer
 * where there are no more.
 */
export function chooseAttestations(
  given: readonly Attested[],
  { rootsHash, sender, approved, quorum }: Wanted,
): readonly Signature[] {
  const signatures = new Map<Address, Signature>();
  for (const { operator, rootsHash: attested, signature } of given) {
    if (attested !== rootsHash || operator === sender || !approved.has(operator)) continue;
    signatures.set(operator, signature);
  }
  const ascending = [...signatures].sort(([a], [b]) => (isBelow(a, b) ? -1 : 1));
  return ascending.slice(0, Math.max(0, quorum - 1)).map(([, signature]) => signature);
}

/** As numbers: the letters of a checksum say nothing. */
function isBelow(a: Address, b: Address): boolean {
  return a.toLowerCase() < b.toLowerCase();
}
