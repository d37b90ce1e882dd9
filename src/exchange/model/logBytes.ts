/** How logs of the chain are written in binary records: see entryBytes.ts. */
import { unreachable } from "../../base/errors.ts";
import type { ChainLog, ChainLogKind } from "../../protocol/chainLog.ts";
import type { ByteReader, ByteWriter } from "../form/byteForm.ts";

/** A kind is written as its place here: never change the places, add at the end. */
const KINDS: readonly ChainLogKind[] = [
  "tokenListed",
  "deposited",
  "withdrawalInitiated",
  "withdrawalCancelled",
  "withdrawalConfirmed",
  "committed",
  "tradingKeySet",
  "disputeOpened",
  "statementPresented",
  "disputeClosed",
];

export function writeLog(w: ByteWriter, log: ChainLog): void {
  w.byte(KINDS.indexOf(log.kind));
  w.count(log.block);
  w.hash(log.blockHash);
  w.count(log.logIndex);
  w.hash(log.transactionHash);
  w.count(log.kind === "tradingKeySet" ? log.fromRound : log.round);
  w.address(log.kind === "tokenListed" || log.kind === "committed" ? log.token : log.client);
  writeFields(w, log);
}

function writeFields(w: ByteWriter, log: ChainLog): void {
  switch (log.kind) {
    case "tokenListed":
      return;
    case "deposited":
    case "withdrawalCancelled":
      w.address(log.token);
      return w.uint128(log.amount);
    case "withdrawalInitiated":
      w.address(log.token);
      w.uint128(log.amount);
      w.uint128(log.opening);
      return w.address(log.recipient);
    case "withdrawalConfirmed":
      w.address(log.token);
      w.uint128(log.amount);
      return w.address(log.recipient);
    case "committed":
      w.hash(log.node);
      w.uint128(log.total);
      return w.count(log.leafCount);
    case "tradingKeySet":
      return w.address(log.key);
    case "disputeOpened":
      w.address(log.opener);
      w.bool(log.mustProveOpenings);
      w.bool(log.openingsPresented);
      return w.count(log.presented);
    case "statementPresented":
      w.address(log.token);
      w.count(log.statementRound);
      w.uint64(log.watermark);
      return w.list(log.except, (id) => w.uint64(id));
    case "disputeClosed":
      return w.address(log.operator);
    default:
      return unreachable(log);
  }
}

/** `field`: where the log stands, for errors. */
export function readLog(r: ByteReader, field: string): ChainLog {
  const kind = r.oneOf(KINDS, `${field}.kind`);
  const place = {
    block: r.count(`${field}.block`),
    blockHash: r.hash(`${field}.blockHash`),
    logIndex: r.count(`${field}.logIndex`),
    transactionHash: r.hash(`${field}.transactionHash`),
  };
  const round = r.count(`${field}.round`);
  switch (kind) {
    case "tokenListed":
      return { kind, token: r.address(`${field}.token`), round, ...place };
    case "committed": {
      const token = r.address(`${field}.token`);
      const node = r.hash(`${field}.node`);
      const total = r.uint128(`${field}.total`);
      return {
        kind,
        round,
        token,
        node,
        total,
        leafCount: r.count(`${field}.leafCount`),
        ...place,
      };
    }
    case "deposited":
    case "withdrawalCancelled":
    case "withdrawalInitiated":
    case "withdrawalConfirmed":
      return readMoney(r, field, { kind, round, place });
    default:
      return readAffair(r, field, { kind, round, place });
  }
}

type Place = Pick<ChainLog, "block" | "blockHash" | "logIndex" | "transactionHash">;

interface Begun<Kind extends ChainLogKind> {
  readonly kind: Kind;
  readonly round: number;
  readonly place: Place;
}

type MoneyKind =
  | "deposited"
  | "withdrawalInitiated"
  | "withdrawalCancelled"
  | "withdrawalConfirmed";

/** A log that moves a client's money. */
function readMoney(r: ByteReader, field: string, begun: Begun<MoneyKind>): ChainLog {
  const { kind, round, place } = begun;
  const client = r.address(`${field}.client`);
  const token = r.address(`${field}.token`);
  const amount = r.uint128(`${field}.amount`);
  switch (kind) {
    case "deposited":
    case "withdrawalCancelled":
      return { kind, client, token, amount, round, ...place };
    case "withdrawalInitiated": {
      const opening = r.uint128(`${field}.opening`);
      const recipient = r.address(`${field}.recipient`);
      return { kind, client, token, amount, opening, recipient, round, ...place };
    }
    case "withdrawalConfirmed": {
      const recipient = r.address(`${field}.recipient`);
      return { kind, client, token, amount, recipient, round, ...place };
    }
    default:
      return unreachable(kind);
  }
}

type AffairKind = "tradingKeySet" | "disputeOpened" | "statementPresented" | "disputeClosed";

/** A log of a client's keys and disputes. */
function readAffair(r: ByteReader, field: string, begun: Begun<AffairKind>): ChainLog {
  const { kind, round, place } = begun;
  const client = r.address(`${field}.client`);
  switch (kind) {
    case "tradingKeySet":
      return { kind, client, fromRound: round, key: r.address(`${field}.key`), ...place };
    case "disputeOpened": {
      const opener = r.address(`${field}.opener`);
      const mustProveOpenings = r.bool(`${field}.mustProveOpenings`);
      const openingsPresented = r.bool(`${field}.openingsPresented`);
      const presented = r.count(`${field}.presented`);
      const flags = { mustProveOpenings, openingsPresented, presented };
      return { kind, client, round, opener, ...flags, ...place };
    }
    case "statementPresented": {
      const token = r.address(`${field}.token`);
      const statementRound = r.count(`${field}.statementRound`);
      const watermark = r.uint64(`${field}.watermark`);
      const except = r.list((one) => r.uint64(one), `${field}.except`);
      return { kind, client, token, round, statementRound, watermark, except, ...place };
    }
    case "disputeClosed":
      return { kind, client, round, operator: r.address(`${field}.operator`), ...place };
    default:
      return unreachable(kind);
  }
}
