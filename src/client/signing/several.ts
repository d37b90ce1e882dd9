/** Several messages of one kind with one signature, as far as the signer and the limit allow. */
import { bytesToHex } from "../../base/hex.ts";
import { buildBatch } from "../../protocol/signatures.ts";
import type { Domain, Signature } from "../../protocol/units.ts";
import {
  type ClientMessageName,
  type ClientMessages,
  type ClientSigner,
  hashClientMessage,
} from "./signer.ts";

/**
 * The signatures of all messages, in their order: one batch signature for 2 to `mostInBatch`
 * messages, else each message by itself. Throws as `ClientSigner.sign` does.
 */
export async function signSeveral<Name extends ClientMessageName>(
  signer: Pick<ClientSigner, "sign">,
  domain: Domain,
  name: Name,
  messages: readonly ClientMessages[Name][],
  mostInBatch: number,
): Promise<Signature[]> {
  if (messages.length >= 2 && messages.length <= mostInBatch) {
    const batch = buildBatch(messages.map((message) => hashClientMessage(name, message)));
    const root = bytesToHex(batch.root);
    const words = await signer.sign(domain, "Batch", { root });
    return messages.map((_, index) => ({ ...words, path: batch.pathOf(index) }));
  }
  const signatures: Signature[] = [];
  for (const message of messages) signatures.push(await signer.sign(domain, name, message));
  return signatures;
}
