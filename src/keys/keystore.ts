/**
 * Encrypted keys in the V3 form of Web3 Secret Storage, as geth and Foundry write them: a key
 * stretched from the password by scrypt or PBKDF2, AES-128-CTR, and a keccak-256 MAC over half of
 * the stretched key and the ciphertext.
 */
import {
  createCipheriv,
  createDecipheriv,
  pbkdf2,
  randomBytes,
  randomUUID,
  scrypt,
  timingSafeEqual,
} from "node:crypto";
import { promisify } from "node:util";
import { z } from "zod";
import { checksumAddress, publicKeyToAddress } from "../base/address.ts";
import { concatBytes } from "../base/bytes.ts";
import { isPrivateKey, nobleCurve } from "../base/curve.ts";
import { assert, clause, QuarterdeckError } from "../base/errors.ts";
import { type Address, bytesToHex, type Hex, hexToBytes } from "../base/hex.ts";
import { keccak256 } from "../base/keccak.ts";
import { portableScrypt } from "../base/scrypt.ts";
import { Secret } from "../base/secret.ts";

const KEY_BYTES = 32;
const IV_BYTES = 16;
const STRETCHED_BYTES = 32;
const CIPHER = "aes-128-ctr";
/** scrypt takes 128 * n * r bytes of memory: 256 MB for what geth writes. */
const MAX_SCRYPT_BYTES = 2 ** 29;
const MAX_PBKDF2_ROUNDS = 100_000_000;
/** Unicode's normal forms in which a password is tried after the one that was typed. */
const PASSWORD_FORMS = ["NFC", "NFKC", "NFD"] as const;
/** Editors on Windows put it before a file's text. */
const BYTE_ORDER_MARK = /^\uFEFF/;

/** How a password is made into a key. */
export type Stretching =
  | { readonly kdf: "scrypt"; readonly n: number; readonly r: number; readonly p: number }
  | { readonly kdf: "pbkdf2"; readonly c: number };

/** As geth's own files: 256 MB and about a second for each guess. */
export const STRONG_STRETCHING: Stretching = { kdf: "scrypt", n: 2 ** 18, r: 8, p: 1 };

/** A parsed file: what is needed to open it, and nothing secret. */
export interface Keystore {
  /** Undefined in what Foundry writes: then nothing tells a changed iv. */
  readonly address: Address | undefined;
  readonly stretching: Stretching;
  readonly salt: Uint8Array;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly mac: Uint8Array;
}

/** Bytes as hexadecimal digits; some writers put 0x before them. */
function digits(least: number, most: number) {
  const counted = least === most ? `${2 * most}` : `${2 * least} to ${2 * most}`;
  return z
    .string()
    .regex(/^(0x)?([0-9a-f]{2})*$/i, `Expected ${counted} hexadecimal digits`)
    .transform((text) => hexToBytes(`0x${text.replace(/^0x/i, "")}`))
    .refine(({ length }) => length >= least && length <= most, {
      message: `Expected ${counted} hexadecimal digits`,
    });
}

/** Some writers put numbers into quotes. */
function unquoted(value: unknown): unknown {
  return typeof value === "string" && /^[0-9]{1,15}$/.test(value) ? Number(value) : value;
}

function whole(most: number) {
  const message = `Expected a whole number from 1 to ${most}`;
  return z.preprocess(unquoted, z.int(message).min(1, message).max(most, message));
}

function exactly(value: number, message: string) {
  return z.preprocess(unquoted, z.literal(value, message));
}

function lowerCase(value: unknown): unknown {
  return typeof value === "string" ? value.toLowerCase() : value;
}

/** The name of an algorithm, in any case. */
function algorithm<Name extends string>(name: Name) {
  return z.preprocess(lowerCase, z.literal(name, `Expected ${name}`));
}

const parameters = {
  dklen: exactly(STRETCHED_BYTES, `Expected ${STRETCHED_BYTES}`),
  salt: digits(1, 1024),
};

// Fields that are not known are passed over at every level, as geth and ethers do: the MAC covers
// all that is used.
const scryptParameters = z
  .object({
    ...parameters,
    n: whole(2 ** 22).refine((n) => n > 1 && (n & (n - 1)) === 0, "Expected a power of two"),
    r: whole(1024),
    p: whole(16),
  })
  .refine(({ n, r }) => 128 * n * r <= MAX_SCRYPT_BYTES, {
    message: `Expected 128 * n * r, bytes of memory, to be at most ${MAX_SCRYPT_BYTES}`,
  });

const pbkdf2Parameters = z.object({
  ...parameters,
  c: whole(MAX_PBKDF2_ROUNDS),
  prf: algorithm("hmac-sha256"),
});

const sealed = {
  cipher: algorithm(CIPHER),
  cipherparams: z.object({ iv: digits(IV_BYTES, IV_BYTES) }),
  // Old writers left out a key's leading zeros.
  ciphertext: digits(1, KEY_BYTES),
  mac: digits(32, 32),
};

const schema = z
  .object({
    version: exactly(3, "Expected 3: other versions are not read"),
    // Null or empty in files whose writers keep the address to themselves.
    address: z.preprocess(
      (value) => (value === null || value === "" ? undefined : value),
      digits(20, 20).optional(),
    ),
    crypto: z.discriminatedUnion(
      "kdf",
      [
        z.object({ ...sealed, kdf: z.literal("scrypt"), kdfparams: scryptParameters }),
        z.object({ ...sealed, kdf: z.literal("pbkdf2"), kdfparams: pbkdf2Parameters }),
      ],
      {
        error: ({ code }) =>
          code === "invalid_union" ? "Expected scrypt or pbkdf2" : "Expected an object",
      },
    ),
  })
  .transform(({ address, crypto }): Keystore => {
    return {
      address: address && checksumAddress(address),
      stretching: stretchingOf(crypto),
      salt: crypto.kdfparams.salt,
      iv: crypto.cipherparams.iv,
      ciphertext: crypto.ciphertext,
      mac: crypto.mac,
    };
  });

function stretchingOf(
  crypto:
    | { readonly kdf: "scrypt"; readonly kdfparams: z.output<typeof scryptParameters> }
    | { readonly kdf: "pbkdf2"; readonly kdfparams: z.output<typeof pbkdf2Parameters> },
): Stretching {
  if (crypto.kdf === "pbkdf2") return { kdf: crypto.kdf, c: crypto.kdfparams.c };
  const { n, r, p } = crypto.kdfparams;
  return { kdf: crypto.kdf, n, r, p };
}

/**
 * Reads the text of a keystore file; `source` names it in errors. Throws a `QuarterdeckError` with
 * code `BadKeystore` that names the field. The text is never part of the message: it might be a
 * password or a bare key, given by mistake.
 */
export function parseKeystore(text: string, source: string): Keystore {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(BYTE_ORDER_MARK, ""));
  } catch {
    throw bad(`${source} is no JSON.`, "Name a keystore (V3) as geth or Foundry writes it.");
  }
  const outcome = schema.safeParse(withLowerCaseNames(json, source));
  if (outcome.success) return outcome.data;
  const issue = outcome.error.issues[0];
  const field = issue?.path.map(String).join(".") || "the whole";
  throw bad(
    `${source}: ${field}: ${clause(`${issue?.message}`)}.`,
    "Restore the file from its backup, or write it anew from the key.",
  );
}

/**
 * The same value with all field names in lower case, since writers spell them differently
 * ("Crypto") and geth and ethers read all spellings. Throws `BadKeystore` where two names become
 * one: which of them counts nobody can know.
 */
function withLowerCaseNames(json: unknown, source: string): unknown {
  if (Array.isArray(json) || typeof json !== "object" || json === null) return json;
  const fields = new Map<string, unknown>();
  for (const [name, value] of Object.entries(json)) {
    const lower = name.toLowerCase();
    if (fields.has(lower)) {
      const hint = "Keep the one that belongs to this key.";
      throw bad(`${source}: ${lower}: stands there in two spellings.`, hint);
    }
    fields.set(lower, withLowerCaseNames(value, source));
  }
  const plain: Record<string, unknown> = Object.fromEntries(fields);
  const { crypto } = plain;
  if (typeof crypto === "object" && crypto !== null && "kdf" in crypto) {
    plain["crypto"] = { ...crypto, kdf: lowerCase(crypto.kdf) };
  }
  return plain;
}

/**
 * The private key, 0x and 64 digits. Takes as long as the file wants it to (seconds), and for a
 * password with letters beyond ASCII up to `PASSWORD_FORMS` times as long. Throws a
 * `QuarterdeckError`: `WrongPassword` when the MAC does not fit, which a changed salt, cost, MAC or
 * ciphertext causes too; `KeystoreDamaged` when the password fits, but what comes out is not the
 * key of the file's address.
 */
export async function openKeystore(
  keystore: Keystore,
  password: Secret,
  source: string,
): Promise<Secret> {
  const { address, iv, ciphertext } = keystore;
  const stretched = await stretchedBy(password, keystore);
  if (stretched === undefined) {
    throw new QuarterdeckError({
      code: "WrongPassword",
      message: `The password does not open ${source}.`,
      hint:
        "Check the password, to the last character. If it is the right one, the file is damaged: " +
        "restore it from its backup.",
    });
  }
  const key = new Uint8Array(KEY_BYTES);
  const plain = createDecipheriv(CIPHER, stretched.subarray(0, 16), iv).update(ciphertext);
  key.set(plain, KEY_BYTES - plain.length);
  const found = addressOfKey(key);
  if (found === undefined || (address !== undefined && address !== found)) {
    const inside = found === undefined ? "no key" : `the key of ${found}, not of ${address}`;
    throw new QuarterdeckError({
      code: "KeystoreDamaged",
      message: `The password fits ${source}, and inside is ${inside}.`,
      hint: "Its iv or its address was changed: restore the file from its backup.",
    });
  }
  return new Secret(bytesToHex(key));
}

/**
 * The stretched password if it fits the MAC, in the first of its forms that does; undefined when
 * none does. One letter, such as "é", can be typed in different code points: ethers seals with
 * NFKC, others with what the keyboard gave, which on macOS is NFD.
 */
async function stretchedBy(
  password: Secret,
  { stretching, salt, ciphertext, mac }: Keystore,
): Promise<Uint8Array | undefined> {
  const typed = password.reveal();
  const forms = new Set([typed, ...PASSWORD_FORMS.map((form) => typed.normalize(form))]);
  for (const form of forms) {
    const stretched = await stretch(stretching, new Secret(form), salt);
    if (timingSafeEqual(macOf(stretched, ciphertext), mac)) return stretched;
  }
  return undefined;
}

/**
 * The text of a new keystore with its address. `privateKey`: 0x and 64 digits, of a key that has
 * an address (see `addressOfKey`).
 */
export async function sealKeystore(
  privateKey: Secret,
  password: Secret,
  stretching: Stretching = STRONG_STRETCHING,
): Promise<{ readonly text: string; readonly address: Address }> {
  const key = hexToBytes(privateKey.reveal() as Hex);
  const address = addressOfKey(key);
  assert(address !== undefined, "what is sealed is a private key.");
  const salt = randomBytes(32);
  const iv = randomBytes(IV_BYTES);
  const stretched = await stretch(stretching, password, salt);
  const ciphertext = createCipheriv(CIPHER, stretched.subarray(0, 16), iv).update(key);
  const { kdf, ...costs } = stretching;
  const file = {
    version: 3,
    id: randomUUID(),
    address: address.slice(2).toLowerCase(),
    crypto: {
      cipher: CIPHER,
      cipherparams: { iv: iv.toString("hex") },
      ciphertext: ciphertext.toString("hex"),
      kdf,
      kdfparams: {
        dklen: STRETCHED_BYTES,
        ...costs,
        ...(kdf === "pbkdf2" && { prf: "hmac-sha256" }),
        salt: salt.toString("hex"),
      },
      mac: Buffer.from(macOf(stretched, ciphertext)).toString("hex"),
    },
  };
  return { text: `${JSON.stringify(file, null, 2)}\n`, address };
}

/** The address of a private key; undefined for bytes that are no key of the curve. */
export function addressOfKey(key: Uint8Array): Address | undefined {
  return isPrivateKey(key) ? publicKeyToAddress(nobleCurve.publicKey(key)) : undefined;
}

async function stretch(
  stretching: Stretching,
  password: Secret,
  salt: Uint8Array,
): Promise<Uint8Array> {
  const text = Buffer.from(password.reveal(), "utf8");
  if (stretching.kdf === "pbkdf2") {
    return promisify(pbkdf2)(text, salt, stretching.c, STRETCHED_BYTES, "sha256");
  }
  const { n, r, p } = stretching;
  if (n >= 2 ** (16 * r)) return portableScrypt(text, salt, stretching, STRETCHED_BYTES);
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  // The memory that OpenSSL wants beside the 128 * n * r is far below as much again.
  const costs = { N: n, r, p, maxmem: 2 * MAX_SCRYPT_BYTES };
  scrypt(text, salt, STRETCHED_BYTES, costs, (error, key) => {
    if (error === null) resolve(key);
    else reject(error);
  });
  return promise;
}

function macOf(stretched: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return keccak256(concatBytes(stretched.subarray(16, 32), ciphertext));
}

function bad(message: string, hint: string): QuarterdeckError {
  return new QuarterdeckError({ code: "BadKeystore", message, hint });
}
