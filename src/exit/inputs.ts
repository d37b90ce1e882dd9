/** Input of a visitor: the exchange's place, by address or manifest, and evidence in files. */
import { parseAddress } from "../base/address.ts";
import { reasonOf } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import type { EvidenceStore } from "../client/evidence/evidence.ts";
import { mergeEvidence } from "../client/evidence/transfer.ts";

export interface ExchangePlace {
  readonly mediator: Address;
  /** As the manifest says; undefined: whatever chain the wallet or endpoint is on. */
  readonly chainId: number | undefined;
}

/** An address, or the text of a manifest. Throws `Error` with what to do. */
export function parsePlace(text: string): ExchangePlace {
  const given = text.trim();
  if (!given.startsWith("{")) return { mediator: addressIn(given), chainId: undefined };
  let manifest: { mediator?: unknown; chainId?: unknown };
  try {
    manifest = JSON.parse(given) as typeof manifest;
  } catch (error) {
    throw new Error(`This is no manifest (${reasonOf(error)}): choose the file again.`);
  }
  const { mediator, chainId } = manifest;
  if (!Number.isSafeInteger(chainId)) throw new Error("This manifest names no chain.");
  return { mediator: addressIn(String(mediator)), chainId: chainId as number };
}

function addressIn(text: string): Address {
  const outcome = parseAddress(text);
  if (outcome.ok) return outcome.value;
  throw new Error(`The Mediator: ${outcome.problem} ${outcome.hint}`);
}

/** Takes the text of an evidence file into `store`. Gives a line for the visitor. */
export async function takeEvidence(
  store: EvidenceStore,
  name: string,
  text: string,
): Promise<string> {
  const { added, known, refused } = await mergeEvidence(store, text.split("\n"));
  const first = refused[0];
  const bad =
    first === undefined ? "" : `, ${refused.length} refused: line ${first.line}, ${first.problem}`;
  return `${name}: ${added} taken, ${known} known${bad}`;
}
