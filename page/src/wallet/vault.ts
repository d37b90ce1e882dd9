/**
 * A trading key as this browser keeps it: encrypted by a passphrase, so that who copies the
 * browser's data has nothing. The key signs orders and can move no money out.
 */
import * as z from "zod";
import { type Address, bytesToHex, type Hex, hexToBytes } from "../../../src/base/hex.ts";
import { address, count } from "../../../src/wire/schemas/values.ts";

/** Rounds of PBKDF2: half a second for each guess. */
const ITERATIONS = 600_000;
export const SHORTEST_PASSPHRASE = 8;

/** More would hold the page up for minutes: nobody wrote that here. */
const MOST_ITERATIONS = 10_000_000;
const hexText = z.string().regex(/^0x([0-9a-f]{2})+$/);

const sealedSchema = z.strictObject({
  version: z.literal(1),
  mediator: address,
  owner: address,
  /** Address of the trading key. */
  key: address,
  iterations: count.max(MOST_ITERATIONS),
  salt: hexText,
  iv: hexText,
  sealed: hexText,
});
export type SealedKey = z.output<typeof sealedSchema>;

interface KeyFacts {
  readonly mediator: Address;
  readonly owner: Address;
  readonly key: Address;
}

/** Encrypts `privateKey`; whose it is, and for what, is part of what is sealed. */
export async function sealKey(
  privateKey: Hex,
  facts: KeyFacts,
  passphrase: string,
): Promise<SealedKey> {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const secret = await stretch(passphrase, salt, ITERATIONS);
  const data = new Uint8Array(hexToBytes(privateKey));
  const sealed = await crypto.subtle.encrypt(aes(iv, facts), secret, data);
  return {
    version: 1,
    ...facts,
    iterations: ITERATIONS,
    salt: bytesToHex(salt),
    iv: bytesToHex(iv),
    sealed: bytesToHex(new Uint8Array(sealed)),
  };
}

/** The private key; undefined for another passphrase, and where anything was changed. */
export async function openKey(sealed: SealedKey, passphrase: string): Promise<Hex | undefined> {
  const { mediator, owner, key } = sealed;
  const secret = await stretch(passphrase, bytesOf(sealed.salt), sealed.iterations);
  try {
    const algorithm = aes(bytesOf(sealed.iv), { mediator, owner, key });
    const data = await crypto.subtle.decrypt(algorithm, secret, bytesOf(sealed.sealed));
    return bytesToHex(new Uint8Array(data));
  } catch {
    return undefined;
  }
}

function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hexToBytes(hex as Hex));
}

function aes(iv: Uint8Array<ArrayBuffer>, { mediator, owner, key }: KeyFacts) {
  const additionalData = new TextEncoder().encode(`quarterdeck ${mediator} ${owner} ${key}`);
  return { name: "AES-GCM", iv, additionalData };
}

async function stretch(
  passphrase: string,
  salt: Uint8Array<ArrayBuffer>,
  iterations: number,
): Promise<CryptoKey> {
  const words = new TextEncoder().encode(passphrase.normalize("NFKC"));
  const material = await crypto.subtle.importKey("raw", words, "PBKDF2", false, ["deriveKey"]);
  const derived = { name: "AES-GCM", length: 256 };
  const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  return crypto.subtle.deriveKey(how, material, derived, false, ["encrypt", "decrypt"]);
}

const STORE = "quarterdeck.tradingKey";

/** `unreadable`: there is one, and this page cannot use it. */
export type StoredKey =
  | { readonly kind: "none" }
  | { readonly kind: "sealed"; readonly sealed: SealedKey }
  | { readonly kind: "unreadable"; readonly text: string };

/** Kept by exchange: another Mediator's key is none of its business. */
export function storedKey(mediator: Address): StoredKey {
  const text = localStorage.getItem(`${STORE}.${mediator}`);
  return text === null ? { kind: "none" } : readStored(text, mediator);
}

/** `mediator`: the exchange under whose name it is kept. */
export function readStored(text: string, mediator: Address): StoredKey {
  try {
    const sealed = sealedSchema.parse(JSON.parse(text));
    if (sealed.mediator === mediator) return { kind: "sealed", sealed };
  } catch {
    // Told below: a key that is passed over in silence looks lost.
  }
  return { kind: "unreadable", text };
}

export function storeKey(sealed: SealedKey): void {
  localStorage.setItem(`${STORE}.${sealed.mediator}`, JSON.stringify(sealed));
}

export function forgetKey(mediator: Address): void {
  localStorage.removeItem(`${STORE}.${mediator}`);
}
