/**
 * The header by which a client shows who reads: a signed `Session` (see protocol/units.ts), good
 * for any number of reads until its block is past. It moves no money.
 *
 *     authorization: Quarterdeck <client> <validUntil> <r> <vs>
 */
import { type Parsed, parsed, unparsable } from "../base/parsed.ts";
import type { Session, Signature } from "../protocol/units.ts";
import { address, countText, hash } from "./shapes.ts";

const SCHEME = "Quarterdeck";
/** A session may reach at most this many blocks ahead: a leaked one ends by itself. */
export const SESSION_BLOCKS = 7200;

export interface SignedSession {
  readonly session: Session;
  readonly signature: Signature;
}

export function formatSession({ session, signature }: SignedSession): string {
  const { client, validUntil } = session;
  return [SCHEME, client, validUntil, signature.r, signature.vs].join(" ");
}

/** The signed session of an `authorization` header. Its signature is not yet checked. */
export function parseSession(header: string | undefined): Parsed<SignedSession> {
  const [scheme, ...words] = (header ?? "").split(" ");
  const mend = `Send "authorization: ${SCHEME} <client> <validUntil> <r> <vs>".`;
  if (scheme !== SCHEME || words.length !== 4) return unparsable("No session was sent.", mend);
  const client = address.safeParse(words[0]);
  const validUntil = countText.safeParse(words[1]);
  const r = hash.safeParse(words[2]);
  const vs = hash.safeParse(words[3]);
  if (!client.success) return unparsable("The session's client is no address.", mend);
  if (!validUntil.success) return unparsable("The session's last block is no number.", mend);
  if (!r.success || !vs.success) return unparsable("The session's signature is malformed.", mend);
  return parsed({
    session: { client: client.data, validUntil: validUntil.data },
    signature: { r: r.data, vs: vs.data, path: [] },
  });
}
