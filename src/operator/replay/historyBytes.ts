/**
 * A history as bytes, for a snapshot. Trades and moves are most of it and binary; candles are few,
 * their sums have no bound, and stay JSON.
 *
 *   form 3 ‖ count of milliseconds ‖ addresses ‖ trades ‖ moves ‖ candles as JSON text
 *
 * Form 2 was one JSON object, and before it a JSON list of trades stood alone: both still read.
 */
import { type Address, type Hex, isHex } from "../../base/hex.ts";
import { ByteReader, ByteWriter } from "../../exchange/form/byteForm.ts";
import { DecodeError } from "../../exchange/form/codec.ts";
import type { OrderRef, Side, Trade } from "../../exchange/model/outcome.ts";
import type { SavedCandles } from "./candles.ts";
import type { Move, MoveKind } from "./ledger.ts";

const FORM = 3;

const SIDES: readonly Side[] = ["bid", "ask"];
/** The place of a kind is its byte: new ones are put at the end. */
const KINDS = Object.keys({
  deposit: true,
  withdrawal: true,
  withdrawalReturned: true,
  withdrawalPaid: true,
  withdrawalRefused: true,
} satisfies Record<MoveKind, true>) as readonly MoveKind[];

/** The form of a transaction hash, by its place: 32 bytes, or text where it has other digits. */
const HASH_FORMS = ["none", "hash", "text"] as const;

export interface SavedHistory {
  /** Milliseconds since 1970; 0: nobody knows. */
  readonly timeMs: number;
  /** Ascending. */
  readonly trades: readonly Trade[];
  readonly candles: SavedCandles;
  readonly moves: readonly Move[];
}

export function encodeHistory({ timeMs, trades, candles, moves }: SavedHistory): Uint8Array {
  const out = new ByteWriter();
  const places = new Map<Address, number>();
  const learn = (address: Address) => {
    if (!places.has(address)) places.set(address, places.size);
  };
  for (const { base, quote, maker, taker } of trades) {
    for (const address of [base, quote, maker.owner, taker.owner]) learn(address);
  }
  for (const { client, token } of moves) for (const address of [client, token]) learn(address);
  const place = (address: Address) => out.count(places.get(address) as number);
  out.begin();
  out.byte(FORM);
  out.count(timeMs);
  out.list([...places.keys()], (address) => out.address(address));
  out.list(trades, (trade) => writeTrade(out, place, trade));
  out.list(moves, (move) => writeMove(out, place, move));
  out.text(toText(candles));
  return out.finish();
}

/** Throws where the bytes are no history. */
export function decodeHistory(bytes: Uint8Array): SavedHistory {
  const reader = new ByteReader(bytes);
  const form = reader.byte("form");
  if (form === "{".charCodeAt(0) || form === "[".charCodeAt(0)) return ofText(bytes);
  if (form !== FORM) throw new DecodeError("form", `is ${form}, which this version cannot read`);
  const timeMs = reader.count("timeMs");
  const addresses = reader.list((field) => reader.address(field), "addresses");
  const address = (field: string): Address => {
    const found = addresses[reader.count(field)];
    if (found === undefined) throw new DecodeError(field, "is none of the addresses");
    return found;
  };
  const trades = reader.list(() => readTrade(reader, address), "trades");
  const moves = reader.list(() => readMove(reader, address), "moves");
  const candles = fromText(reader.text("candles")) as SavedCandles;
  reader.end();
  return { timeMs, trades, candles, moves };
}

type PlaceWriter = (address: Address) => void;
type AddressReader = (field: string) => Address;

function writeTrade(out: ByteWriter, place: PlaceWriter, trade: Trade): void {
  const { sequence, base, quote, price, lots, baseAmount, quoteAmount } = trade;
  out.uint64(sequence);
  place(base);
  place(quote);
  for (const amount of [price, lots, baseAmount, quoteAmount]) out.uint128(amount);
  out.byte(SIDES.indexOf(trade.takerSide));
  for (const { owner, round, id } of [trade.maker, trade.taker]) {
    place(owner);
    out.count(round);
    out.uint128(id);
  }
  for (const count of [trade.round, trade.block, trade.timeMs]) out.count(count);
}

function readTrade(reader: ByteReader, address: AddressReader): Trade {
  return {
    sequence: reader.uint64("trade.sequence"),
    base: address("trade.base"),
    quote: address("trade.quote"),
    price: reader.uint128("trade.price"),
    lots: reader.uint128("trade.lots"),
    baseAmount: reader.uint128("trade.baseAmount"),
    quoteAmount: reader.uint128("trade.quoteAmount"),
    takerSide: reader.oneOf(SIDES, "trade.takerSide"),
    maker: readOrderRef(reader, address),
    taker: readOrderRef(reader, address),
    round: reader.count("trade.round"),
    block: reader.count("trade.block"),
    timeMs: reader.count("trade.timeMs"),
  };
}

function readOrderRef(reader: ByteReader, address: AddressReader): OrderRef {
  return {
    owner: address("order.owner"),
    round: reader.count("order.round"),
    id: reader.uint128("order.id"),
  };
}

function writeMove(out: ByteWriter, place: PlaceWriter, move: Move): void {
  const { record, index, timeMs, round, block, transactionHash: hash } = move;
  for (const count of [record, index, timeMs, round]) out.count(count);
  place(move.client);
  place(move.token);
  out.byte(KINDS.indexOf(move.kind));
  out.uint128(move.amount);
  out.bool(block !== undefined);
  if (block !== undefined) out.count(block);
  if (hash === undefined) return out.byte(HASH_FORMS.indexOf("none"));
  const isHash = out.trying(() => {
    out.byte(HASH_FORMS.indexOf("hash"));
    return out.tryHash(hash);
  });
  if (isHash) return;
  out.byte(HASH_FORMS.indexOf("text"));
  out.text(hash);
}

function readMove(reader: ByteReader, address: AddressReader): Move {
  const [record, index, timeMs, round] = ["record", "index", "timeMs", "round"].map((field) =>
    reader.count(`move.${field}`),
  ) as [number, number, number, number];
  return {
    record,
    index,
    timeMs,
    round,
    client: address("move.client"),
    token: address("move.token"),
    kind: reader.oneOf(KINDS, "move.kind"),
    amount: reader.uint128("move.amount"),
    block: reader.bool("move.block") ? reader.count("move.block") : undefined,
    transactionHash: readHash(reader),
  };
}

function readHash(reader: ByteReader): Hex | undefined {
  switch (reader.oneOf(HASH_FORMS, "move.transactionHash")) {
    case "none":
      return undefined;
    case "hash":
      return reader.hash("move.transactionHash");
    case "text": {
      const text = reader.text("move.transactionHash");
      if (isHex(text)) return text;
      throw new DecodeError("move.transactionHash", "is not hexadecimal");
    }
  }
}

function ofText(bytes: Uint8Array): SavedHistory {
  const saved = fromText(new TextDecoder().decode(bytes)) as SavedHistory | readonly Trade[];
  const whole = "timeMs" in saved ? saved : { timeMs: 0, trades: saved, candles: [], moves: [] };
  // The first releases wrote down no times.
  return {
    ...whole,
    trades: whole.trades.map((trade) => ({ ...trade, timeMs: trade.timeMs ?? 0 })),
  };
}

function toText(saved: SavedCandles): string {
  return JSON.stringify(saved, (_, part) =>
    typeof part === "bigint" ? { units: part.toString() } : part,
  );
}

function fromText(text: string): unknown {
  return JSON.parse(text, (_, part) =>
    typeof part?.units === "string" ? BigInt(part.units) : part,
  );
}
