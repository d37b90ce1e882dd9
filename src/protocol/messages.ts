/**
 * The EIP-712 messages of the exchange (docs/protocol.md section 5), hashed by hand-laid bytes: a
 * general encoder is some fifty times slower. Twin of contracts/src/libraries/Messages.sol.
 *
 * A `hash…` function gives the struct hash, without the domain (32 bytes); `digest` adds the domain
 * and gives what is signed. Fields out of the range of their type throw an `Alarm`, text that is no
 * hex a `TypeError`: check what comes from outside first (`checkOrder`).
 */
import { assert } from "../base/errors.ts";
import { type Address, bytesToHex, type Hex, hexToBytes } from "../base/hex.ts";
import { keccak256 } from "../base/keccak.ts";
import { WORD, Words } from "./encoding/words.ts";
import { SELF_TRADE_CODE, type TermsMessage, TIME_IN_FORCE_CODE } from "./trading/terms.ts";
import type {
  CancelAfter,
  CancelAll,
  CancelOrder,
  Commit,
  DisputeDelegation,
  Domain,
  EvidenceDelivery,
  Fill,
  OperatorApplication,
  OperatorIdentity,
  Order,
  Session,
  Statement,
  TokenRoot,
} from "./units.ts";

export const DOMAIN_NAME = "Quarterdeck";
export const DOMAIN_VERSION = "1";

/** The fields of each message, in the form that wallets and libraries take. */
export const MESSAGE_TYPES = {
  Order: [
    { name: "owner", type: "address" },
    { name: "round", type: "uint64" },
    { name: "id", type: "uint64" },
    { name: "sellToken", type: "address" },
    { name: "sellAmount", type: "uint128" },
    { name: "buyToken", type: "address" },
    { name: "buyAmount", type: "uint128" },
    { name: "intent", type: "uint8" },
  ],
  Fill: [
    { name: "orderHash", type: "bytes32" },
    { name: "owner", type: "address" },
    { name: "round", type: "uint64" },
    { name: "sold", type: "uint128" },
    { name: "bought", type: "uint128" },
    { name: "sequence", type: "uint64" },
  ],
  Statement: [
    { name: "client", type: "address" },
    { name: "round", type: "uint64" },
    { name: "watermark", type: "uint64" },
    { name: "except", type: "uint64[]" },
    { name: "tokens", type: "address[]" },
    { name: "sold", type: "uint128[]" },
    { name: "bought", type: "uint128[]" },
  ],
  Commit: [
    { name: "round", type: "uint64" },
    { name: "rootsHash", type: "bytes32" },
  ],
  DisputeDelegation: [
    { name: "client", type: "address" },
    { name: "delegate", type: "address" },
    { name: "untilRound", type: "uint64" },
  ],
  Batch: [{ name: "root", type: "bytes32" }],
  CancelOrder: [
    { name: "owner", type: "address" },
    { name: "round", type: "uint64" },
    { name: "id", type: "uint64" },
  ],
  OrderTerms: [
    { name: "orderHash", type: "bytes32" },
    { name: "timeInForce", type: "uint8" },
    { name: "goodTillBlock", type: "uint64" },
    { name: "selfTrade", type: "uint8" },
    { name: "tag", type: "string" },
  ],
  CancelAll: [
    { name: "owner", type: "address" },
    { name: "round", type: "uint64" },
    { name: "nonce", type: "uint64" },
  ],
  CancelAfter: [
    { name: "owner", type: "address" },
    { name: "round", type: "uint64" },
    { name: "nonce", type: "uint64" },
    { name: "block", type: "uint64" },
    { name: "graceBlocks", type: "uint64" },
  ],
  Session: [
    { name: "client", type: "address" },
    { name: "validUntil", type: "uint64" },
  ],
  OperatorApplication: [
    { name: "operator", type: "address" },
    { name: "name", type: "string" },
    { name: "endpoint", type: "string" },
    { name: "date", type: "uint64" },
  ],
  OperatorIdentity: [
    { name: "operator", type: "address" },
    { name: "endpoint", type: "string" },
    { name: "challenge", type: "bytes32" },
  ],
  EvidenceDelivery: [
    { name: "client", type: "address" },
    { name: "tower", type: "address" },
    { name: "contentHash", type: "bytes32" },
  ],
  PublishedBalances: [
    { name: "round", type: "uint64" },
    { name: "rootsHash", type: "bytes32" },
  ],
} as const;

export type MessageName = keyof typeof MESSAGE_TYPES;

/** How an intent is written in an order. */
export const INTENT_CODE = { buyAll: 0, sellAll: 1 } as const;

/** EIP-712 type hash of a message. */
export function typeHash(name: MessageName): Uint8Array {
  const fields = MESSAGE_TYPES[name].map((field) => `${field.type} ${field.name}`);
  return hashText(`${name}(${fields.join(",")})`);
}

function wordsOf(name: MessageName): Words {
  return new Words(typeHash(name), MESSAGE_TYPES[name].length);
}

const orderWords = wordsOf("Order");

export function hashOrder(order: Order): Uint8Array {
  const intent = INTENT_CODE[order.intent];
  assert(intent !== undefined, () => `${order.intent} is no intent.`);
  return orderWords
    .address(1, order.owner)
    .count(2, order.round)
    .uint(3, order.id, 64)
    .address(4, order.sellToken)
    .uint(5, order.sellAmount, 128)
    .address(6, order.buyToken)
    .uint(7, order.buyAmount, 128)
    .count(8, intent)
    .keccak();
}

/** `hashOrder` as text: what a fill names its order by. */
export function orderHash(order: Order): Hex {
  return bytesToHex(hashOrder(order));
}

const fillWords = wordsOf("Fill");

export function hashFill(fill: Fill): Uint8Array {
  return fillWords
    .hash(1, fill.orderHash)
    .address(2, fill.owner)
    .count(3, fill.round)
    .uint(4, fill.sold, 128)
    .uint(5, fill.bought, 128)
    .uint(6, fill.sequence, 64)
    .keccak();
}

const statementWords = wordsOf("Statement");

export function hashStatement(statement: Statement): Uint8Array {
  const { client, round, watermark, except, tokens, sold, bought } = statement;
  return statementWords
    .address(1, client)
    .count(2, round)
    .uint(3, watermark, 64)
    .bytes32(
      4,
      hashElements(except, (words, index, id) => words.uint(index, id, 64)),
    )
    .bytes32(
      5,
      hashElements(tokens, (words, index, token) => words.address(index, token)),
    )
    .bytes32(
      6,
      hashElements(sold, (words, index, amount) => words.uint(index, amount, 128)),
    )
    .bytes32(
      7,
      hashElements(bought, (words, index, amount) => words.uint(index, amount, 128)),
    )
    .keccak();
}

/** EIP-712 of an array: its elements, a word each. */
function hashElements<T>(
  elements: readonly T[],
  write: (words: Words, index: number, element: T) => void,
): Uint8Array {
  if (elements.length === 0) return keccak256(new Uint8Array(0));
  const words = new Words(new Uint8Array(0), elements.length - 1);
  elements.forEach((element, index) => {
    write(words, index, element);
  });
  return words.keccak();
}

const commitWords = wordsOf("Commit");

export function hashCommit(commit: Commit): Uint8Array {
  return commitWords.count(1, commit.round).hash(2, commit.rootsHash).keccak();
}

const delegationWords = wordsOf("DisputeDelegation");

export function hashDisputeDelegation(delegation: DisputeDelegation): Uint8Array {
  return delegationWords
    .address(1, delegation.client)
    .address(2, delegation.delegate)
    .count(3, delegation.untilRound)
    .keccak();
}

const batchWords = wordsOf("Batch");

/** `root`: of a Merkle tree over struct hashes, see signatures.ts. */
export function hashBatch(root: Uint8Array): Uint8Array {
  return batchWords.bytes32(1, root).keccak();
}

const cancelWords = wordsOf("CancelOrder");

export function hashCancelOrder(cancel: CancelOrder): Uint8Array {
  return cancelWords
    .address(1, cancel.owner)
    .count(2, cancel.round)
    .uint(3, cancel.id, 64)
    .keccak();
}

const termsWords = wordsOf("OrderTerms");

/** No last block is written as 0, and no tag as the empty text. */
export function hashOrderTerms(terms: TermsMessage): Uint8Array {
  const time = TIME_IN_FORCE_CODE[terms.timeInForce];
  const selfTrade = SELF_TRADE_CODE[terms.selfTrade];
  assert(time !== undefined && selfTrade !== undefined, "terms that are none.");
  return termsWords
    .hash(1, terms.orderHash)
    .count(2, time)
    .count(3, terms.goodTillBlock ?? 0)
    .count(4, selfTrade)
    .bytes32(5, hashText(terms.tag ?? ""))
    .keccak();
}

const cancelAllWords = wordsOf("CancelAll");

export function hashCancelAll({ owner, round, nonce }: CancelAll): Uint8Array {
  return cancelAllWords.address(1, owner).count(2, round).uint(3, nonce, 64).keccak();
}

const cancelAfterWords = wordsOf("CancelAfter");

export function hashCancelAfter(wish: CancelAfter): Uint8Array {
  return cancelAfterWords
    .address(1, wish.owner)
    .count(2, wish.round)
    .uint(3, wish.nonce, 64)
    .count(4, wish.block)
    .count(5, wish.graceBlocks)
    .keccak();
}

const sessionWords = wordsOf("Session");

export function hashSession(session: Session): Uint8Array {
  return sessionWords.address(1, session.client).count(2, session.validUntil).keccak();
}

const applicationWords = wordsOf("OperatorApplication");

/** Signed in the domain of the manager, not of the Mediator: see `managerDomain`. */
export function hashOperatorApplication(application: OperatorApplication): Uint8Array {
  return applicationWords
    .address(1, application.operator)
    .bytes32(2, hashText(application.name))
    .bytes32(3, hashText(application.endpoint))
    .count(4, application.date)
    .keccak();
}

const deliveryWords = wordsOf("EvidenceDelivery");

export function hashEvidenceDelivery(delivery: EvidenceDelivery): Uint8Array {
  return deliveryWords
    .address(1, delivery.client)
    .address(2, delivery.tower)
    .hash(3, delivery.contentHash)
    .keccak();
}

const publishedWords = wordsOf("PublishedBalances");

/** No attestation of a commit, though it is over the same: a type of its own. */
export function hashPublishedBalances({ round, rootsHash: roots }: Commit): Uint8Array {
  return publishedWords.count(1, round).hash(2, roots).keccak();
}

const identityWords = wordsOf("OperatorIdentity");

/** Signed in the domain of the manager, not of the Mediator: see `managerDomain`. */
export function hashOperatorIdentity(identity: OperatorIdentity): Uint8Array {
  return identityWords
    .address(1, identity.operator)
    .bytes32(2, hashText(identity.endpoint))
    .hash(3, identity.challenge)
    .keccak();
}

/**
 * The domain's contract is the manager, so that nothing signed in it means anything to a Mediator.
 */
export function managerDomain(chainId: number, manager: Address): Domain {
  return { chainId, mediator: manager };
}

const ROOT_FIELDS = 4;

/**
 * The hash that a `Commit` attests: keccak256(abi.encode(Root[])), the roots in the order in which
 * `commit` is sent them.
 */
export function rootsHash(roots: readonly TokenRoot[]): Hex {
  const words = new Words(uintWord(WORD), 1 + ROOT_FIELDS * roots.length);
  words.count(1, roots.length);
  roots.forEach((root, position) => {
    const at = 2 + ROOT_FIELDS * position;
    words.address(at, root.token);
    words.hash(at + 1, root.node);
    words.uint(at + 2, root.total, 128);
    words.count(at + 3, root.leafCount);
  });
  return bytesToHex(words.keccak());
}

const separators = new WeakMap<Domain, Uint8Array>();

/** The EIP-712 domain separator; computed once for each `Domain` object. */
export function domainSeparator(domain: Domain): Uint8Array {
  const known = separators.get(domain);
  if (known !== undefined) return known;
  const separator = new Words(DOMAIN_TYPE_HASH, 4)
    .bytes32(1, hashText(DOMAIN_NAME))
    .bytes32(2, hashText(DOMAIN_VERSION))
    .count(3, domain.chainId)
    .address(4, domain.mediator)
    .keccak();
  separators.set(domain, separator);
  return separator;
}

const DOMAIN_TYPE_HASH = hashText(
  "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
);

const digestBytes = new Uint8Array(2 + 2 * WORD);
digestBytes.set([0x19, 0x01]);

/** The digest that is signed: keccak256(0x19 0x01 ‖ domain separator ‖ struct hash), 32 bytes. */
export function digest(domain: Domain, structHash: Uint8Array): Uint8Array {
  return keccak256(layDigest(domain, structHash));
}

/** The 66 bytes whose keccak-256 is the digest: for signing services that hash by themselves. */
export function digestPreimage(domain: Domain, structHash: Uint8Array): Uint8Array {
  return layDigest(domain, structHash).slice();
}

function layDigest(domain: Domain, structHash: Uint8Array): Uint8Array {
  assert(structHash.length === WORD, () => `a struct hash of ${structHash.length} bytes.`);
  digestBytes.set(domainSeparator(domain), 2);
  digestBytes.set(structHash, 2 + WORD);
  return digestBytes;
}

function hashText(text: string): Uint8Array {
  return keccak256(new TextEncoder().encode(text));
}

function uintWord(value: number): Uint8Array {
  return hexToBytes(`0x${value.toString(16).padStart(2 * WORD, "0")}`);
}
