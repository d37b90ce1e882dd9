/**
 * Clients in snapshots of version 4: as JSON but for their orders, which follow as bytes, since
 * they are most of a snapshot. In model/entryBytes.ts and form/byteForm.ts how parts are written:
 *
 *   client  its JSON without orders (text), then for each of its rounds the list of its orders
 *   order   id, sellToken, sellAmount, buyToken, buyAmount, intent, signature, arrival (count),
 *           filledLots, sold, bought, sequence (count), state, placedMs (count), whether it has
 *           terms, those, and its reason: 0 for none, else one more than its place
 */
import type { Address } from "../../base/hex.ts";
import { ByteReader, ByteWriter } from "../form/byteForm.ts";
import { parseJson } from "../form/codec.ts";
import {
  type OrderAmounts,
  readAmounts,
  readKeptSignature,
  readTerms,
  writeAmounts,
  writeSignature,
  writeSignatureWords,
  writeTerms,
} from "../model/entryBytes.ts";
import type { EndReason } from "../model/outcome.ts";
import type { OrderState } from "../model/viewTypes.ts";
import {
  type ClientRecord,
  clientCodecOf,
  END_REASONS,
  type KeptRow,
  ORDER_STATES,
} from "./snapshotForm.ts";

const codec = clientCodecOf(4);
const writer = new ByteWriter();
/** Places of the states and reasons: never change them, add at the end. */
const STATES: readonly OrderState[] = ORDER_STATES;
const REASONS: readonly (EndReason | null)[] = [null, ...END_REASONS];

export function encodeClient(client: ClientRecord<KeptRow>): Uint8Array {
  const bare = { ...client, rounds: client.rounds.map((one) => ({ ...one, orders: [] })) };
  const w = writer;
  w.begin();
  w.text(JSON.stringify(codec.write(bare)));
  for (const { orders } of client.rounds) w.list(orders, (row) => writeRow(w, row));
  return w.finish();
}

/** Throws a `DecodeError`. */
export function decodeClient(bytes: Uint8Array, field: string): ClientRecord<KeptRow> {
  const r = new ByteReader(bytes);
  const bare = codec.read(parseJson(r.text(field)), field);
  const { address: owner } = bare;
  const rounds = bare.rounds.map((one) => {
    const { round } = one;
    return { ...one, orders: r.list((order) => readRow(r, order, { owner, round }), field) };
  });
  r.end();
  return { ...bare, rounds };
}

function writeRow(w: ByteWriter, row: KeptRow): void {
  w.uint64(row.order.id);
  writeAmounts(w, row.order);
  const { signature } = row;
  if (signature instanceof Uint8Array) writeSignatureWords(w, signature);
  else writeSignature(w, signature);
  w.count(row.arrival);
  w.uint128(row.filledLots);
  w.uint128(row.sold);
  w.uint128(row.bought);
  w.count(row.sequence);
  w.byte(STATES.indexOf(row.state));
  w.count(row.placedMs ?? 0);
  const { terms = null, reason = null } = row;
  w.bool(terms !== null);
  if (terms !== null) writeTerms(w, terms);
  w.byte(REASONS.indexOf(reason));
}

function readRow(
  r: ByteReader,
  field: string,
  { owner, round }: { readonly owner: Address; readonly round: number },
): KeptRow {
  const id = r.uint64(field);
  const { sellToken, sellAmount, buyToken, buyAmount, intent }: OrderAmounts = readAmounts(
    r,
    field,
  );
  return {
    order: { owner, round, id, sellToken, sellAmount, buyToken, buyAmount, intent },
    signature: readKeptSignature(r, field),
    arrival: r.count(field),
    filledLots: r.uint128(field),
    sold: r.uint128(field),
    bought: r.uint128(field),
    sequence: r.count(field),
    state: r.oneOf(STATES, field),
    placedMs: r.count(field),
    terms: r.bool(field) ? readTerms(r) : null,
    reason: r.oneOf(REASONS, field),
  };
}
