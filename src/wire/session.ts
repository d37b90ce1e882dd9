/**
 * The header by which a client proves its identity for reads: a signed `Session` (see
 * protocol/units.ts), good for any number of reads until its block is past. A session moves no
 * money.
 *
 *     authorization: Quarterdeck <client> <validUntil> <r> <vs>
 *
 * or, as most signers give it, with the 65 bytes of the signature in place of <r> <vs>.
 */
import { type Parsed, parsed, unparsable } from "../base/parsed.ts";
import type { Session, Signature } from "../protocol/units.ts";
import { signatureInput } from "./schemas/signature.ts";
import { address, countText } from "./schemas/values.ts";

const SCHEME = "Quarterdeck";

export interface SignedSession {
  readonly session: Session;
  readonly signature: Signature;
}

export function formatSession({ session, signature }: SignedSession): string {
  const { client, validUntil } = session;
  return [SCHEME, client, validUntil, signature.r, signature.vs].join(" ");
}

/** The signed session of an `authorization` header. The signature is not yet checked. */
export function parseSession(header: string | undefined): Parsed<SignedSession> {
  const [scheme, ...words] = (header ?? "").split(" ");
  const hint = `Send "authorization: ${SCHEME} <client> <validUntil> <r> <vs>".`;
  const [clientText, untilText, ...signed] = words;
  const isComplete = signed.length === 1 || signed.length === 2;
  if (scheme !== SCHEME || !isComplete) return unparsable("No session was sent.", hint);
  const client = address.safeParse(clientText);
  const validUntil = countText.safeParse(untilText);
  const [r, vs] = signed;
  const signature = signatureInput.safeParse(vs === undefined ? r : { r, vs });
  if (!client.success) return unparsable("The session's client is no address.", hint);
  if (!validUntil.success) return unparsable("The session's last block is no number.", hint);
  if (!signature.success) return unparsable("The session's signature is malformed.", hint);
  return parsed({
    session: { client: client.data, validUntil: validUntil.data },
    signature: signature.data,
  });
}
