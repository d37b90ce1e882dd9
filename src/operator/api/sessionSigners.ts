/** The signers of sessions, remembered: a client shows the same session with each of its reads. */
import type { Address } from "../../base/hex.ts";
import { hashSession } from "../../protocol/messages.ts";
import { recoverSigner } from "../../protocol/signatures.ts";
import type { Session, Signature } from "../../protocol/units.ts";
import type { QuerySources } from "./queries.ts";

/** Sessions remembered, about 400 bytes each. */
const MOST_SESSIONS = 10_000;

export class SessionSigners {
  readonly #sources: Pick<QuerySources, "curve" | "domain">;
  readonly #most: number;
  /** By session and signature, the longest unseen first. */
  readonly #known = new Map<string, Address>();

  constructor(sources: Pick<QuerySources, "curve" | "domain">, most = MOST_SESSIONS) {
    this.#sources = sources;
    this.#most = most;
  }

  /** Undefined where the signature is nobody's. Whether the signer may read is asked each time. */
  signerOf(session: Session, signature: Signature): Address | undefined {
    const key = keyOf(session, signature);
    const { curve, domain } = this.#sources;
    const signer =
      this.#known.get(key) ?? recoverSigner(curve, domain, hashSession(session), signature);
    // A batch's path is as long as its sender likes: such a session costs a recovery each time.
    if (signer === undefined || signature.path.length > 0) return signer;
    this.#known.delete(key);
    this.#known.set(key, signer);
    if (this.#known.size > this.#most) this.#known.delete(this.#known.keys().next().value ?? "");
    return signer;
  }
}

function keyOf({ client, validUntil }: Session, { r, vs, path }: Signature): string {
  return [client, validUntil, r, vs, ...path].join(" ");
}
