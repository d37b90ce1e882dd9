/** Refusals to read the logs of so many blocks at once, and how many would pass. */
import { RpcRequestError } from "viem";
import { kindOf } from "./errorKinds.ts";
import { causeOf } from "./errors.ts";

/** Base says so where too much is asked, and where nothing works: fewer blocks are worth a try. */
const PERHAPS_TOO_WIDE = /no backend is currently healthy/i;
/** A span that the refusal proposes: Alchemy, Infura, zkSync, Reth. */
const SPAN = /(?:range|range should work:?) \[?(0x[0-9a-f]+|\d+)(?:, *|-)(0x[0-9a-f]+|\d+)\]?/i;
/** A number of blocks that is named as the most; `k` stands for thousands. */
const MOST: readonly RegExp[] = [
  /max(?:imum)? (?:block )?range:? ([\d,.]+)(k?)/i,
  /maximum is set to ([\d,.]+)(k?)/i,
  /(?:number of )?requested blocks is ([\d,.]+)(k?)/i,
  /\((?:maximum |max |\d+ > )([\d,.]+)(k?)\)/i,
  /(?:too (?:large|wide|big),? max is) ([\d,.]+)(k?)/i,
  /limit(?:ed)? (?:is |to |the query to )*(?:at most )?(?:a )?([\d,.]+)(k?) ?(?:block|range)/i,
  /up to an? ([\d,.]+)(k?) blocks?/i,
  /range greater than ([\d,.]+)(k?) max/i,
  /range exceeds (?:limit )?([\d,.]+)(k?)/i,
  /smaller than size ([\d,.]+)(k?)/i,
  /blocks distance: ?([\d,.]+)(k?)/i,
  /ranges? over ([\d,.]+)(k?) blocks/i,
];
const THOUSAND = 1000;

/**
 * Whether a reading of logs was refused for its width: fewer blocks may pass. `proposed`: how many
 * the refusal itself names.
 */
export function asTooWide(error: unknown): { readonly proposed: number | undefined } | undefined {
  const answer = causeOf(error, (cause) => cause instanceof RpcRequestError);
  if (!(answer instanceof RpcRequestError)) return undefined;
  if (kindOf(answer) !== "tooWide" && !PERHAPS_TOO_WIDE.test(answer.details)) return undefined;
  return { proposed: blocksProposed(answer.details) };
}

function blocksProposed(text: string): number | undefined {
  const [, from, to] = SPAN.exec(text) ?? [];
  const span = Number(to) - Number(from) + 1;
  if (Number.isSafeInteger(span) && span > 0) return span;
  for (const words of MOST) {
    const [, digits, thousands] = words.exec(text) ?? [];
    if (digits === undefined) continue;
    const most = Number(digits.replace(/[,.]/g, "")) * (thousands === "" ? 1 : THOUSAND);
    if (Number.isSafeInteger(most) && most > 0) return most;
  }
  return undefined;
}
