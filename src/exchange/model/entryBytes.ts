/**
 * Entries as binary records, version 4: a third of the bytes of JSON, and a fifth of the time to
 * read them. In byteForm.ts the values; here the fields of each entry, in the order of writing:
 *
 *   record    version (1 byte, below that of any text), kind (1 byte), time (count), fields
 *   signature 2 * length of the path, and 1 where any of its digits is in upper case (count); then
 *             r, vs and the path: hashes, or where that 1 stands their digits as texts
 *
 * A kind or a value of a list of names is written as its place in that list: never change the
 * places, add at the end.
 */
import { assert, unreachable } from "../../base/errors.ts";
import { MAX_PATH_LENGTH } from "../../protocol/limits.ts";
import {
  isTag,
  type OrderTerms,
  SELF_TRADES,
  type SignedTerms,
  TIMES_IN_FORCE,
} from "../../protocol/trading/terms.ts";
import type { Intent, Order, Signature, Statement } from "../../protocol/units.ts";
import { ByteReader, ByteWriter, isLowerWord } from "../form/byteForm.ts";
import { DecodeError } from "../form/codec.ts";
import { pathLengthOf, type SignatureWords, wordsLength } from "../form/signatureBytes.ts";
import type { Entry, GenesisEntry, Market } from "./entry.ts";
import { readLog, writeLog } from "./logBytes.ts";

/** The first byte of a binary record. */
export const BINARY_VERSION = 4;

const KINDS: readonly Entry["kind"][] = [
  "genesis",
  "blocks",
  "placeOrder",
  "cancelOrder",
  "replaceOrder",
  "cancelAll",
  "cancelAfter",
  "keepAlive",
  "countersign",
];
const INTENTS: readonly Intent[] = ["buyAll", "sellAll"];

const shared = new ByteWriter();

/** The binary record of an entry that has its time. The same entry always gives the same bytes. */
export function encodeBinary(entry: Entry): Uint8Array {
  const { timeMs } = entry;
  assert(timeMs !== undefined, () => `${entry.kind} is written without its time.`);
  const w = shared;
  w.begin();
  w.byte(BINARY_VERSION);
  w.byte(KINDS.indexOf(entry.kind));
  w.count(timeMs);
  writeBody(w, entry);
  return w.finish();
}

/** The entry in a binary record; throws a `DecodeError` that names the field which is wrong. */
export function decodeBinary(record: Uint8Array): Entry {
  const r = new ByteReader(record);
  const version = r.byte("version");
  if (version !== BINARY_VERSION) {
    throw new DecodeError(
      "version",
      `is ${version}, and this release reads 1 to ${BINARY_VERSION}`,
    );
  }
  const kind = r.oneOf(KINDS, "kind");
  const timeMs = r.count("timeMs");
  const entry = readBody(r, kind, timeMs);
  r.end();
  return entry;
}

function writeBody(w: ByteWriter, entry: Entry): void {
  switch (entry.kind) {
    case "genesis":
      return writeGenesis(w, entry);
    case "blocks":
      w.count(entry.to.number);
      w.hash(entry.to.hash);
      return w.list(entry.logs, (log) => writeLog(w, log));
    case "placeOrder":
      return writePlaced(w, entry);
    case "cancelOrder":
      writeOwned(w, entry, entry.id);
      return writeSignature(w, entry.signature);
    case "replaceOrder":
      writeOwned(w, entry.cancel, entry.cancel.id);
      writeSignature(w, entry.cancelSignature);
      return writePlaced(w, entry);
    case "cancelAll":
      writeOwned(w, entry, entry.nonce);
      return writeSignature(w, entry.signature);
    case "cancelAfter":
      writeOwned(w, entry, entry.nonce);
      w.count(entry.block);
      w.count(entry.graceBlocks);
      return writeSignature(w, entry.signature);
    case "keepAlive":
      return w.list(entry.clients, (client) => w.address(client));
    case "countersign":
      writeStatement(w, entry.statement);
      writeSignature(w, entry.signature);
      return writeSignature(w, entry.countersignature);
    default:
      return unreachable(entry);
  }
}

function readBody(r: ByteReader, kind: Entry["kind"], timeMs: number): Entry {
  switch (kind) {
    case "genesis":
      return readGenesis(r, timeMs);
    case "blocks": {
      const to = { number: r.count("to.number"), hash: r.hash("to.hash") };
      return { kind, to, logs: r.list((field) => readLog(r, field), "logs"), timeMs };
    }
    case "placeOrder":
      return { kind, ...readPlaced(r), timeMs };
    case "cancelOrder": {
      const { owner, round, number: id } = readOwned(r, "id");
      return { kind, owner, round, id, signature: readSignature(r, "signature"), timeMs };
    }
    case "replaceOrder": {
      const { owner, round, number: id } = readOwned(r, "cancel.id");
      const cancelSignature = readSignature(r, "cancelSignature");
      return { kind, cancel: { owner, round, id }, cancelSignature, ...readPlaced(r), timeMs };
    }
    case "cancelAll": {
      const { owner, round, number: nonce } = readOwned(r, "nonce");
      return { kind, owner, round, nonce, signature: readSignature(r, "signature"), timeMs };
    }
    case "cancelAfter": {
      const { owner, round, number: nonce } = readOwned(r, "nonce");
      const block = r.count("block");
      const graceBlocks = r.count("graceBlocks");
      const signature = readSignature(r, "signature");
      return { kind, owner, round, nonce, block, graceBlocks, signature, timeMs };
    }
    case "keepAlive":
      return { kind, clients: r.list((field) => r.address(field), "clients"), timeMs };
    case "countersign": {
      const statement = readStatement(r);
      const signature = readSignature(r, "signature");
      return {
        kind,
        statement,
        signature,
        countersignature: readSignature(r, "countersignature"),
        timeMs,
      };
    }
    default:
      return unreachable(kind);
  }
}

function writeGenesis(w: ByteWriter, genesis: GenesisEntry): void {
  w.count(genesis.chainId);
  w.address(genesis.mediator);
  w.count(genesis.schedule.genesisBlock);
  w.count(genesis.schedule.roundSize);
  w.count(genesis.confirmations);
  w.list(genesis.markets, ({ base, quote, lot, tick }) => {
    w.address(base);
    w.address(quote);
    w.uint128(lot);
    w.uint128(tick);
  });
  w.count(genesis.limits.ordersPerClientAndRound);
}

function readGenesis(r: ByteReader, timeMs: number): GenesisEntry {
  return {
    kind: "genesis",
    chainId: r.count("chainId"),
    mediator: r.address("mediator"),
    schedule: {
      genesisBlock: r.count("schedule.genesisBlock"),
      roundSize: r.count("schedule.roundSize"),
    },
    confirmations: r.count("confirmations"),
    markets: r.list((field) => readMarket(r, field), "markets"),
    limits: { ordersPerClientAndRound: r.count("limits.ordersPerClientAndRound") },
    timeMs,
  };
}

function readMarket(r: ByteReader, field: string): Market {
  return {
    base: r.address(`${field}.base`),
    quote: r.address(`${field}.quote`),
    lot: r.uint128(`${field}.lot`),
    tick: r.uint128(`${field}.tick`),
  };
}

/** Owner, round, and the number of an order or a command. */
function writeOwned(
  w: ByteWriter,
  { owner, round }: Pick<Order, "owner" | "round">,
  number: bigint,
): void {
  w.address(owner);
  w.count(round);
  w.uint64(number);
}

function readOwned(r: ByteReader, field: string) {
  return { owner: r.address("owner"), round: r.count("round"), number: r.uint64(field) };
}

interface Placed {
  readonly order: Order;
  readonly signature: Signature;
  readonly terms?: SignedTerms;
}

/** Both amounts with their tokens, and which of them ends the order. */
export function writeAmounts(w: ByteWriter, order: OrderAmounts): void {
  w.address(order.sellToken);
  w.uint128(order.sellAmount);
  w.address(order.buyToken);
  w.uint128(order.buyAmount);
  w.byte(INTENTS.indexOf(order.intent));
}

/** `field`: the order's name in errors. */
export function readAmounts(r: ByteReader, field: string): OrderAmounts {
  return {
    sellToken: r.address(`${field}.sellToken`),
    sellAmount: r.uint128(`${field}.sellAmount`),
    buyToken: r.address(`${field}.buyToken`),
    buyAmount: r.uint128(`${field}.buyAmount`),
    intent: r.oneOf(INTENTS, `${field}.intent`),
  };
}

export type OrderAmounts = Omit<Order, "owner" | "round" | "id">;

function writePlaced(w: ByteWriter, { order, signature, terms }: Placed): void {
  writeOwned(w, order, order.id);
  writeAmounts(w, order);
  writeSignature(w, signature);
  w.bool(terms !== undefined);
  if (terms !== undefined) writeSignedTerms(w, terms);
}

function readPlaced(r: ByteReader): Placed {
  const order: Order = {
    owner: r.address("order.owner"),
    round: r.count("order.round"),
    id: r.uint64("order.id"),
    ...readAmounts(r, "order"),
  };
  const signature = readSignature(r, "signature");
  return r.bool("terms") ? { order, signature, terms: readSignedTerms(r) } : { order, signature };
}

function writeSignedTerms(w: ByteWriter, terms: SignedTerms): void {
  writeTerms(w, terms);
  writeSignature(w, terms.signature);
}

function readSignedTerms(r: ByteReader): SignedTerms {
  return { ...readTerms(r), signature: readSignature(r, "terms.signature") };
}

export function writeTerms(w: ByteWriter, terms: OrderTerms): void {
  w.byte(TIMES_IN_FORCE.indexOf(terms.timeInForce));
  w.byte(SELF_TRADES.indexOf(terms.selfTrade));
  w.bool(terms.goodTillBlock !== null);
  if (terms.goodTillBlock !== null) w.count(terms.goodTillBlock);
  w.bool(terms.tag !== null);
  if (terms.tag !== null) w.text(terms.tag);
}

export function readTerms(r: ByteReader): OrderTerms {
  const timeInForce = r.oneOf(TIMES_IN_FORCE, "terms.timeInForce");
  const selfTrade = r.oneOf(SELF_TRADES, "terms.selfTrade");
  const goodTillBlock = r.bool("terms.goodTillBlock") ? r.count("terms.goodTillBlock") : null;
  const tag = r.bool("terms.tag") ? r.text("terms.tag") : null;
  if (tag !== null && !isTag(tag)) throw new DecodeError("terms.tag", "is no tag");
  return { timeInForce, goodTillBlock, selfTrade, tag };
}

function writeStatement(w: ByteWriter, statement: Statement): void {
  w.address(statement.client);
  w.count(statement.round);
  w.uint64(statement.watermark);
  w.list(statement.except, (id) => w.uint64(id));
  w.list(statement.tokens, (token) => w.address(token));
  w.list(statement.sold, (amount) => w.uint128(amount));
  w.list(statement.bought, (amount) => w.uint128(amount));
}

function readStatement(r: ByteReader): Statement {
  return {
    client: r.address("statement.client"),
    round: r.count("statement.round"),
    watermark: r.uint64("statement.watermark"),
    except: r.list((field) => r.uint64(field), "statement.except"),
    tokens: r.list((field) => r.address(field), "statement.tokens"),
    sold: r.list((field) => r.uint128(field), "statement.sold"),
    bought: r.list((field) => r.uint128(field), "statement.bought"),
  };
}

export function writeSignature(w: ByteWriter, { r, vs, path }: Signature): void {
  const isLower = w.trying(() => {
    w.count(2 * path.length);
    return w.tryHash(r) && w.tryHash(vs) && path.every((word) => w.tryHash(word));
  });
  if (isLower) return;
  w.count(2 * path.length + 1);
  for (const word of [r, vs, ...path]) w.digits(word);
}

/** As `writeSignature` of the signature whose words these are. */
export function writeSignatureWords(w: ByteWriter, words: SignatureWords): void {
  w.count(2 * pathLengthOf(words));
  w.bytes(words);
}

/** As `readSignature`, but as words where they are kept so: without a string for each. */
export function readKeptSignature(r: ByteReader, field: string): Signature | SignatureWords {
  const head = r.count(field);
  const isKept = head % 2 === 0 && head / 2 <= MAX_PATH_LENGTH;
  return isKept ? r.bytes(wordsLength(head / 2), field) : readSignatureAfter(r, head, field);
}

export function readSignature(r: ByteReader, field: string): Signature {
  return readSignatureAfter(r, r.count(field), field);
}

/** `head`: what is in front of it, already read. */
function readSignatureAfter(r: ByteReader, head: number, field: string): Signature {
  if (head === 0) return { r: r.hash(field), vs: r.hash(field), path: [] };
  const isLower = head % 2 === 0;
  const read = () => (isLower ? r.hash(field) : r.digits(field));
  const signature = { r: read(), vs: read(), path: r.times(Math.floor(head / 2), read, field) };
  const words = [signature.r, signature.vs, ...signature.path];
  if (isLower || words.some((word) => !isLowerWord(word))) return signature;
  throw new DecodeError(field, "is not in its shortest form");
}
