/**
 * Signatures over the exchange's messages (docs/protocol.md section 5): compact ECDSA (EIP-2098),
 * of the message itself or of a batch that it is in. A signature that the contract would not accept
 * counts as nobody's here: a high s, a malformed word, and beyond that a path longer than
 * MAX_PATH_LENGTH.
 */
import { publicKeyToAddress, ZERO_ADDRESS } from "../base/address.ts";
import { compareBytes } from "../base/bytes.ts";
import type { Curve, EcdsaSignature } from "../base/curve.ts";
import { assert } from "../base/errors.ts";
import { type Address, bytesToHex, type Hex, hexToBytes, isHex } from "../base/hex.ts";
import { keccak256 } from "../base/keccak.ts";
import { MAX_PATH_LENGTH } from "./limits.ts";
import { digest, hashBatch, hashOrder, hashStatement } from "./messages.ts";
import type { Domain, Signature, SignedOrder, SignedStatement } from "./units.ts";

/** The two words of EIP-2098: r, and s with the parity in its highest bit. */
export interface CompactSignature {
  readonly r: Hex;
  readonly vs: Hex;
}

const PARITY_BIT = 0x80;
const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const HALF_ORDER = hexToBytes("0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0");

/** Throws an `Alarm` when s is high: a curve's signatures never are. */
export function encodeSignature(signature: EcdsaSignature): CompactSignature {
  assert(isLowS(signature.s), "a signature with a high s has no compact form.");
  const vs = signature.s.slice();
  if (signature.yParity === 1) vs[0] = (vs[0] as number) | PARITY_BIT;
  return { r: bytesToHex(signature.r), vs: bytesToHex(vs) };
}

/** Undefined when a word is not 32 bytes of hex, or s is not low. */
export function decodeSignature(compact: CompactSignature): EcdsaSignature | undefined {
  if (!isHex(compact.r, 32) || !isHex(compact.vs, 32)) return undefined;
  const s = hexToBytes(compact.vs);
  const first = s[0] as number;
  s[0] = first & ~PARITY_BIT;
  if (!isLowS(s)) return undefined;
  return { r: hexToBytes(compact.r), s, yParity: first >= PARITY_BIT ? 1 : 0 };
}

/** Of the two signatures that are each other's mirror, the one that counts: its s is low. */
export function lowS(signature: EcdsaSignature): EcdsaSignature {
  const { r, s, yParity } = signature;
  const value = BigInt(bytesToHex(s));
  if (isLowS(s) || value >= CURVE_ORDER) return signature;
  const mirrored = (CURVE_ORDER - value).toString(16).padStart(64, "0");
  return { r, s: hexToBytes(`0x${mirrored}`), yParity: yParity === 0 ? 1 : 0 };
}

/** Signs one message by itself. `structHash` from messages.ts, `privateKey` of 32 bytes. */
export function signMessage(
  curve: Curve,
  domain: Domain,
  structHash: Uint8Array,
  privateKey: Uint8Array,
): Signature {
  return { ...encodeSignature(curve.sign(digest(domain, structHash), privateKey)), path: [] };
}

/**
 * Signs all messages with one signature: the results stand in the order of the messages. At most
 * 2^MAX_PATH_LENGTH; a single one is signed by itself.
 */
export function signBatch(
  curve: Curve,
  domain: Domain,
  structHashes: readonly Uint8Array[],
  privateKey: Uint8Array,
): Signature[] {
  assert(structHashes.length <= 2 ** MAX_PATH_LENGTH, "a batch with paths beyond MAX_PATH_LENGTH.");
  if (structHashes.length < 2) {
    return structHashes.map((structHash) => signMessage(curve, domain, structHash, privateKey));
  }
  const batch = buildBatch(structHashes);
  const words = encodeSignature(curve.sign(digest(domain, hashBatch(batch.root)), privateKey));
  return structHashes.map((_, index) => ({ ...words, path: batch.pathOf(index) }));
}

/** The question to the curve who signed: see `Curve.recover`. */
export interface Recovery extends EcdsaSignature {
  /** 32 bytes: the hash that was signed. */
  readonly digest: Uint8Array;
}

/**
 * The question of who signed the message, alone or in a batch; undefined where nobody can have.
 * Never throws.
 */
export function recoveryOf(
  domain: Domain,
  structHash: Uint8Array,
  signature: Signature,
): Recovery | undefined {
  const { path } = signature;
  if (path.length > MAX_PATH_LENGTH || !path.every((step) => isHex(step, 32))) return undefined;
  const ecdsa = decodeSignature(signature);
  if (ecdsa === undefined) return undefined;
  const signed = path.length === 0 ? structHash : hashBatch(batchRootOf(structHash, path));
  return { ...ecdsa, digest: digest(domain, signed) };
}

/** The account that answers the question; undefined: no key can have signed. */
export function recoverAccount(
  curve: Curve,
  { digest: signed, r, s, yParity }: Recovery,
): Address | undefined {
  const publicKey = curve.recover(signed, r, s, yParity);
  return publicKey === undefined ? undefined : publicKeyToAddress(publicKey);
}

/**
 * The account that signed the message, alone or in a batch; undefined when none did. Never throws.
 */
export function recoverSigner(
  curve: Curve,
  domain: Domain,
  structHash: Uint8Array,
  signature: Signature,
): Address | undefined {
  const recovery = recoveryOf(domain, structHash, signature);
  return recovery === undefined ? undefined : recoverAccount(curve, recovery);
}

/**
 * Whether an order (one that passes `checkOrder`) is signed by its owner's own key or by the
 * trading key recorded for (owner, round); undefined or the zero address where none is.
 */
export function isOrderSignedBy(
  curve: Curve,
  domain: Domain,
  signed: SignedOrder,
  tradingKey: Address | undefined,
): boolean {
  const signer = recoverSigner(curve, domain, hashOrder(signed.order), signed.signature);
  return isClientOrKey(signer, signed.order.owner, tradingKey);
}

/** The same of a statement (one that passes `checkStatement`), as the client signs it. */
export function isStatementSignedBy(
  curve: Curve,
  domain: Domain,
  signed: SignedStatement,
  tradingKey: Address | undefined,
): boolean {
  const { statement, signature } = signed;
  const signer = recoverSigner(curve, domain, hashStatement(statement), signature);
  return isClientOrKey(signer, statement.client, tradingKey);
}

function isClientOrKey(
  signer: Address | undefined,
  client: Address,
  tradingKey: Address | undefined,
): boolean {
  if (signer === undefined) return false;
  if (isSame(signer, client)) return true;
  return tradingKey !== undefined && tradingKey !== ZERO_ADDRESS && isSame(signer, tradingKey);
}

/** A message's own signature as 65 bytes r ‖ s ‖ v, v 27 or 28, as a `Delegation` carries it. */
export function toRsv(signature: Signature): Hex {
  const ecdsa = decodeSignature(signature);
  assert(ecdsa !== undefined && signature.path.length === 0, "not a message's own signature.");
  const bytes = new Uint8Array(65);
  bytes.set(ecdsa.r, 0);
  bytes.set(ecdsa.s, 32);
  bytes[64] = 27 + ecdsa.yParity;
  return bytesToHex(bytes);
}

/** Whether s is in the lower half: of the two mirrored signatures, the one that counts. */
export function isLowS(s: Uint8Array): boolean {
  return compareBytes(s, HALF_ORDER) <= 0;
}

function isSame(a: Address, b: Address): boolean {
  return a === b || a.toLowerCase() === b.toLowerCase();
}

/*
 * Merkle trees by which one signature covers many messages. Leaf = keccak256(0x00 ‖ struct hash),
 * node = keccak256(0x01 ‖ lower ‖ higher), an odd last node is promoted. Siblings are sorted, so a
 * path needs no positions: it says that a message is in the batch, not where. Twin of
 * `Messages.signer` in the contracts.
 */

export interface Batch {
  /** The root as `hashBatch` takes it: 32 bytes. */
  readonly root: Uint8Array;
  /** Siblings on the way from the message at `index` to the root, lowest first; never empty. */
  pathOf(index: number): readonly Hex[];
}

/**
 * The tree over the struct hashes of at least two messages: a single one would have an empty path,
 * which means that its signature is of the message itself. Work grows with their number.
 */
export function buildBatch(structHashes: readonly Uint8Array[]): Batch {
  assert(structHashes.length >= 2, "a batch has at least two messages.");
  const levels = [structHashes.map(leafOf)];
  let level = levels[0] as Uint8Array[];
  while (level.length > 1) {
    level = parentsOf(level);
    levels.push(level);
  }
  let texts: readonly (readonly Hex[])[] | undefined;
  return {
    root: level[0] as Uint8Array,
    pathOf(index) {
      assert(index >= 0 && index < structHashes.length, () => `no message ${index} in the batch.`);
      // One text of each node, whichever paths it is on.
      texts ??= levels.map((nodes) => nodes.map(bytesToHex));
      return texts.flatMap((nodes, height) => nodes[(index >> height) ^ 1] ?? []);
    },
  };
}

/** The root to which `path` leads from a message. A `TypeError` on a step not of 32 bytes. */
export function batchRootOf(structHash: Uint8Array, path: readonly Hex[]): Uint8Array {
  return path.reduce((node, step) => nodeOver(node, hexToBytes(step)), leafOf(structHash));
}

function parentsOf(nodes: readonly Uint8Array[]): Uint8Array[] {
  const parents: Uint8Array[] = [];
  for (let i = 0; i < nodes.length; i += 2) {
    const left = nodes[i] as Uint8Array;
    const right = nodes[i + 1];
    parents.push(right === undefined ? left : nodeOver(left, right));
  }
  return parents;
}

const leafBytes = new Uint8Array(33);

/** The leaf of a message in a batch. */
export function leafOf(structHash: Uint8Array): Uint8Array {
  assert(structHash.length === 32, () => `a struct hash of ${structHash.length} bytes.`);
  leafBytes[0] = 0x00;
  leafBytes.set(structHash, 1);
  return keccak256(leafBytes);
}

const nodeBytes = new Uint8Array(65);

/** The node over two others, in whichever order. */
export function nodeOver(a: Uint8Array, b: Uint8Array): Uint8Array {
  const inOrder = compareBytes(a, b) < 0;
  nodeBytes[0] = 0x01;
  nodeBytes.set(inOrder ? a : b, 1);
  nodeBytes.set(inOrder ? b : a, 33);
  return keccak256(nodeBytes);
}
