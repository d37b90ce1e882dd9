/**
 * Signers of a client: of its messages to operators, and of its transactions. A private key does
 * both in this process; a wallet asks its user; a trading key signs messages only.
 */
import type { Address, Hex } from "../../base/hex.ts";
import { hexToBytes } from "../../base/hex.ts";
import type { ChainClient } from "../../chain/rpc/rpc.ts";
import type { Call, Mined } from "../../chain/submit/submitter.ts";
import {
  DOMAIN_NAME,
  DOMAIN_VERSION,
  hashBatch,
  hashCancelAfter,
  hashCancelAll,
  hashCancelOrder,
  hashDisputeDelegation,
  hashEvidenceDelivery,
  hashOrder,
  hashOrderTerms,
  hashSession,
  hashStatement,
  INTENT_CODE,
  MESSAGE_TYPES,
} from "../../protocol/messages.ts";
import {
  SELF_TRADE_CODE,
  type TermsMessage,
  TIME_IN_FORCE_CODE,
} from "../../protocol/trading/terms.ts";
import type {
  CancelAfter,
  CancelAll,
  CancelOrder,
  DisputeDelegation,
  Domain,
  EvidenceDelivery,
  Order,
  Session,
  Signature,
  Statement,
} from "../../protocol/units.ts";

/** The messages that a client signs. */
export interface ClientMessages {
  readonly Order: Order;
  /** How an order trades, beside the order itself. */
  readonly OrderTerms: TermsMessage;
  readonly CancelOrder: CancelOrder;
  /** All orders of the client. */
  readonly CancelAll: CancelAll;
  /** The dead-man switch. */
  readonly CancelAfter: CancelAfter;
  /** The sums of closed orders. */
  readonly Statement: Statement;
  readonly Session: Session;
  readonly DisputeDelegation: DisputeDelegation;
  /** Evidence for a watchtower. */
  readonly EvidenceDelivery: EvidenceDelivery;
  /** Several messages at once: the root of a Merkle tree over their struct hashes. */
  readonly Batch: { readonly root: Hex };
}

export type ClientMessageName = keyof ClientMessages;

/** Sends the transactions of one client. */
export interface TransactionSender {
  /** Resolves when mined with success. Throws as `Submitter.send` does. */
  send(call: Call): Promise<Mined>;
}

export interface SenderOptions {
  readonly client: ChainClient;
  readonly chainId: number;
  /** Wei for a unit of gas; never more. */
  readonly maxFeePerGas: bigint;
  /** Milliseconds between two polls for a receipt. */
  readonly pollMs: number;
}

/** Signs for one client. */
export interface ClientSigner {
  /** The client, whose money it is. */
  readonly address: Address;
  /**
   * The signature of this client, or of its trading key. Throws `SignerUnavailable` where there is
   * none, as when a user declines.
   */
  sign<Name extends ClientMessageName>(
    domain: Domain,
    name: Name,
    message: ClientMessages[Name],
  ): Promise<Signature>;
  /** The sender of this client's transactions. One for each chain is enough. */
  sender(options: SenderOptions): TransactionSender;
}

const HASHES: {
  readonly [Name in ClientMessageName]: (message: ClientMessages[Name]) => Uint8Array;
} = {
  Order: hashOrder,
  OrderTerms: hashOrderTerms,
  CancelOrder: hashCancelOrder,
  CancelAll: hashCancelAll,
  CancelAfter: hashCancelAfter,
  Statement: hashStatement,
  Session: hashSession,
  DisputeDelegation: hashDisputeDelegation,
  EvidenceDelivery: hashEvidenceDelivery,
  Batch: ({ root }) => hashBatch(hexToBytes(root)),
};

/** EIP-712 struct hash of a client's message, 32 bytes. */
export function hashClientMessage<Name extends ClientMessageName>(
  name: Name,
  message: ClientMessages[Name],
): Uint8Array {
  return HASHES[name](message);
}

const DOMAIN_FIELDS = [
  { name: "name", type: "string" },
  { name: "version", type: "string" },
  { name: "chainId", type: "uint256" },
  { name: "verifyingContract", type: "address" },
] as const;

/** The message as wallets take it (`eth_signTypedData_v4`): whole numbers as decimal text. */
export function typedData<Name extends ClientMessageName>(
  domain: Domain,
  name: Name,
  message: ClientMessages[Name],
) {
  const plain: Record<string, unknown> = { ...message };
  if (name === "Order") plain["intent"] = INTENT_CODE[(message as Order).intent];
  if (name === "OrderTerms") Object.assign(plain, writtenTerms(message as TermsMessage));
  for (const { name: field, type } of MESSAGE_TYPES[name]) {
    const value = plain[field];
    if (!type.startsWith("uint")) continue;
    plain[field] = Array.isArray(value) ? value.map(String) : String(value);
  }
  return {
    domain: {
      name: DOMAIN_NAME,
      version: DOMAIN_VERSION,
      chainId: domain.chainId,
      verifyingContract: domain.mediator,
    },
    types: { EIP712Domain: DOMAIN_FIELDS, [name]: MESSAGE_TYPES[name] },
    primaryType: name,
    message: plain,
  };
}

/** Terms as they are signed: no last block is 0, and no tag the empty text. */
function writtenTerms({ timeInForce, selfTrade, goodTillBlock, tag }: TermsMessage) {
  return {
    timeInForce: TIME_IN_FORCE_CODE[timeInForce],
    selfTrade: SELF_TRADE_CODE[selfTrade],
    goodTillBlock: goodTillBlock ?? 0,
    tag: tag ?? "",
  };
}
