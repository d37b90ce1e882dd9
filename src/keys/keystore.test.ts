import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesToHex, type Hex } from "../base/hex.ts";
import { Secret } from "../base/secret.ts";
import {
  addressOfKey,
  openKeystore,
  parseKeystore,
  type Stretching,
  sealKeystore,
} from "./keystore.ts";
import { FOUNDRY_FILE, KEYSTORE_VECTORS, SCRYPT_VECTOR } from "./keystores.testkit.ts";

/** Cheap ones: what is tested here is the form, and a million guesses a second do not matter. */
const QUICK: Stretching = { kdf: "scrypt", n: 2, r: 8, p: 1 };
const QUICK_PBKDF2: Stretching = { kdf: "pbkdf2", c: 1 };

type Json = { [name: string]: unknown };

/** A deep copy with the field at `path` replaced; undefined takes it out. */
function changed(json: Json, path: string, value: unknown): Json {
  const copy = structuredClone(json);
  const names = path.split(".");
  const last = names.pop() as string;
  const at = names.reduce((part, name) => part[name] as Json, copy);
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}

async function open(json: Json, password: string): Promise<Hex> {
  const keystore = parseKeystore(JSON.stringify(json), "key.json");
  return (await openKeystore(keystore, new Secret(password), "key.json")).reveal() as Hex;
}

describe("a keystore", () => {
  it.each(Object.entries(KEYSTORE_VECTORS))(
    "a keystore opens the public vector %s",
    async (_, { json, password, priv }) => {
      expect(await open(json, password)).toBe(`0x${priv.padStart(64, "0")}`);
    },
  );

  it("a keystore opens what Foundry writes: with no address, with a name of its own", async () => {
    const { json, password, priv } = FOUNDRY_FILE;
    expect(await open(json, password)).toBe(priv);
  });

  it("a keystore gives back what was sealed, whatever key, password and stretching", async () => {
    const keys = fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .filter((key) => addressOfKey(key) !== undefined);
    await fc.assert(
      fc.asyncProperty(
        keys,
        fc.string({ unit: "binary", maxLength: 40 }),
        fc.constantFrom(QUICK, QUICK_PBKDF2),
        async (key, password, stretching) => {
          const privateKey = new Secret(bytesToHex(key));
          const { text, address } = await sealKeystore(
            privateKey,
            new Secret(password),
            stretching,
          );
          expect(address).toBe(addressOfKey(key));
          expect(text.toLowerCase()).not.toContain(bytesToHex(key).slice(2));
          const parsed = parseKeystore(text, "x");
          expect(parsed.address).toBe(address);
          expect(parsed.stretching).toEqual(stretching);
          const opened = await openKeystore(parsed, new Secret(password), "x");
          expect(opened.reveal()).toBe(privateKey.reveal());
          const other = openKeystore(parsed, new Secret(`${password}!`), "x");
          await expect(other).rejects.toMatchObject({ code: "WrongPassword" });
        },
      ),
      { numRuns: 60 },
    );
  });

  it("a keystore never seals twice alike", async () => {
    const seal = () => sealKeystore(new Secret(`0x${"01".repeat(32)}`), new Secret("p"), QUICK);
    const [one, two] = [JSON.parse((await seal()).text), JSON.parse((await seal()).text)];
    for (const of of [(file: Json) => file["id"], cryptoField("ciphertext"), cryptoField("mac")]) {
      expect(of(one)).not.toBe(of(two));
    }
  });
});

function cryptoField(name: string) {
  return (file: Json) => (file["crypto"] as Json)[name];
}

/** The sealed file as other wallets write it; every name is one of its fields. */
describe("a keystore of another wallet", () => {
  const KEY = `0x${"1b".repeat(32)}`;
  const seal = async (password = "made up", stretching: Stretching = QUICK) => {
    const { text } = await sealKeystore(new Secret(KEY), new Secret(password), stretching);
    return JSON.parse(text) as Json;
  };
  const opened = async (text: string, password = "made up") =>
    (await openKeystore(parseKeystore(text, "key.json"), new Secret(password), "x")).reveal();
  const { json: scryptFile, password, priv } = SCRYPT_VECTOR;

  it.each<[string, (file: Json) => unknown]>([
    ["Crypto with a capital", ({ crypto, ...rest }) => ({ ...rest, Crypto: crypto })],
    ["all names in capitals", renamed((name) => name.toUpperCase())],
    ["a version in quotes", (file) => ({ ...file, version: "3" })],
    ["costs in quotes", (file) => changed(file, "crypto.kdfparams.n", "2")],
    ["no address", (file) => ({ ...file, address: null })],
    ["an empty address", (file) => ({ ...file, address: "" })],
    ["an address with 0X", (file) => ({ ...file, address: `0X${file["address"]}` })],
    ["a field of its own", (file) => ({ ...file, "x-ethers": { client: "ethers.js" } })],
    ["one in crypto", (file) => changed(file, "crypto.colour", "red")],
    ["one in kdfparams", (file) => changed(file, "crypto.kdfparams.prf", "hmac-sha256")],
    ["one in cipherparams", (file) => changed(file, "crypto.cipherparams.mode", "ctr")],
    ["capital algorithms", (file) => changed(file, "crypto.kdf", "Scrypt")],
  ])("a keystore opens with %s", async (_, write) => {
    const file = await seal();
    expect(await opened(JSON.stringify(write(file)))).toBe(KEY);
  });

  it("a keystore opens after a byte order mark, with the line ends of Windows", async () => {
    const text = JSON.stringify(await seal(), null, 2);
    expect(await opened(`\uFEFF${text.replaceAll("\n", "\r\n")}`)).toBe(KEY);
  });

  it("a keystore of another wallet keeps its checks where names have capitals", async () => {
    const upper = renamed((name) => name.toUpperCase());
    expect(await opened(JSON.stringify(upper(scryptFile)), password)).toBe(`0x${priv}`);
    const foreign = upper({ ...(await seal()), address: "11".repeat(20) });
    await expect(opened(JSON.stringify(foreign))).rejects.toMatchObject({
      code: "KeystoreDamaged",
    });
    const older = JSON.stringify(upper({ ...(await seal()), version: 1 }));
    expect(() => parseKeystore(older, "key.json")).toThrow(/version: Expected 3/);
  });

  it("a keystore with a field in two spellings is refused", async () => {
    const file = await seal();
    const twice = JSON.stringify({ ...file, Crypto: file["crypto"] });
    expect(() => parseKeystore(twice, "key.json")).toThrow(/key\.json: crypto: .*two spellings/);
  });

  it("a keystore opens with its password in another of Unicode's forms", async () => {
    const forms = ["NFC", "NFD", "NFKC"] as const;
    const letters = fc.constantFrom(
      "e",
      "\u00e9",
      "e\u0301",
      "\u212b",
      "\ufb01",
      "\u1e69",
      "\uac00",
    );
    const typed = fc.array(letters, { minLength: 1, maxLength: 6 }).map((all) => all.join(""));
    const cases = fc.tuple(typed, fc.constantFrom(...forms));
    await fc.assert(
      fc.asyncProperty(cases, fc.constantFrom(QUICK, QUICK_PBKDF2), async ([word, form], how) => {
        const text = JSON.stringify(await seal(word.normalize(form), how));
        expect(await opened(text, word)).toBe(KEY);
        await expect(opened(text, `${word}!`)).rejects.toMatchObject({ code: "WrongPassword" });
      }),
      { numRuns: 60 },
    );
  });
});

/** The same file with each name of a field, at every depth, written as `spell` does. */
function renamed(spell: (name: string) => string): (json: Json) => Json {
  const deep = (value: unknown): unknown =>
    typeof value === "object" && value !== null
      ? Object.fromEntries(Object.entries(value).map(([name, one]) => [spell(name), deep(one)]))
      : value;
  return (json) => deep(json) as Json;
}

describe("a damaged keystore", () => {
  const { json } = SCRYPT_VECTOR;
  const KEY = `0x${"4c".repeat(32)}`;
  const seal = async (): Promise<Json> =>
    JSON.parse((await sealKeystore(new Secret(KEY), new Secret("right"), QUICK)).text);

  it("a damaged keystore looks like a wrong password under its MAC; both are named", async () => {
    const file = await seal();
    for (const [path, value] of [
      ["crypto.ciphertext", "00".repeat(32)],
      ["crypto.mac", "00".repeat(32)],
      ["crypto.kdfparams.salt", "00"],
      ["crypto.kdfparams.n", 4],
    ] as const) {
      const attempt = open(changed(file, path, value), "right");
      await expect(attempt).rejects.toMatchObject({ code: "WrongPassword" });
      await expect(attempt).rejects.toThrow(/password.*key\.json.*damaged.*backup/);
    }
  });

  it("a damaged keystore is told from a wrong password where the address tells", async () => {
    const file = await seal();
    const flipped = changed(file, "crypto.cipherparams.iv", "00".repeat(16));
    await expect(open(flipped, "right")).rejects.toMatchObject({ code: "KeystoreDamaged" });
    const foreign = changed(file, "address", "11".repeat(20));
    await expect(open(foreign, "right")).rejects.toThrow(
      new RegExp(`key of 0x${file["address"]}, not of 0x1111.*restore`, "i"),
    );
    expect(await open(changed(file, "address", undefined), "right")).toBe(KEY);
  });

  it.each([
    ["version", 1, /key\.json: version: Expected 3/],
    ["version", undefined, /version: Expected 3/],
    ["address", "12", /address: Expected 40 hexadecimal digits/],
    ["crypto", undefined, /crypto: Expected an object/],
    ["crypto.kdf", "argon2", /crypto\.kdf: Expected scrypt or pbkdf2/],
    ["crypto.cipher", "aes-128-cbc", /crypto\.cipher: Expected aes-128-ctr/],
    ["crypto.cipherparams.iv", "00", /crypto\.cipherparams\.iv: Expected 32 hex/],
    ["crypto.ciphertext", "00".repeat(33), /crypto\.ciphertext: Expected 2 to 64 hex/],
    ["crypto.ciphertext", "", /crypto\.ciphertext: Expected 2 to 64 hex/],
    ["crypto.ciphertext", "zz", /crypto\.ciphertext: Expected 2 to 64 hex/],
    ["crypto.mac", "abc", /crypto\.mac: Expected 64 hex/],
    ["crypto.kdfparams.n", 3, /crypto\.kdfparams\.n: Expected a power of two/],
    ["crypto.kdfparams.n", 1, /crypto\.kdfparams\.n: Expected a power of two/],
    [
      "crypto.kdfparams.n",
      2 ** 22,
      /crypto\.kdfparams: .*Expected 128 \* n \* r|crypto\.kdfparams/,
    ],
    ["crypto.kdfparams.r", 0, /crypto\.kdfparams\.r: Expected a whole number from 1/],
    ["crypto.kdfparams.p", 17, /crypto\.kdfparams\.p: /],
    ["crypto.kdfparams.p", 1.5, /crypto\.kdfparams\.p: /],
    ["crypto.kdfparams.dklen", 16, /crypto\.kdfparams\.dklen: Expected 32/],
  ])("a damaged keystore is refused by field: %s = %j", (path, value, message) => {
    const heavy = path === "crypto.kdfparams.n" && value === 2 ** 22;
    const from = heavy ? changed(json, "crypto.kdfparams.r", 8) : json;
    const parse = () => parseKeystore(JSON.stringify(changed(from, path, value)), "key.json");
    expect(parse).toThrow(message);
    expect(parse).toThrow(expect.objectContaining({ code: "BadKeystore" }));
  });

  it("a keystore with an unknown PRF, or with too many rounds, is refused", () => {
    const pbkdf2 = KEYSTORE_VECTORS["pbkdf2"]?.json as Json;
    for (const [path, value] of [
      ["crypto.kdfparams.prf", "hmac-sha1"],
      ["crypto.kdfparams.c", 10 ** 9],
      ["crypto.kdfparams.c", 0],
    ] as const) {
      const text = JSON.stringify(changed(pbkdf2, path, value));
      expect(() => parseKeystore(text, "key.json")).toThrow(path);
    }
  });

  it.each([["hunter2"], [`0x${"ab".repeat(32)}`], ['{"crypto": hunter2'], ['"hunter2"'], ["[1]"]])(
    "a refusal shows nothing of what is given instead of a keystore: %s",
    (text) => {
      const parse = () => parseKeystore(text, "password.txt");
      expect(parse).toThrow(/password\.txt/);
      expect(parse).not.toThrow(/hunter2|abab/);
    },
  );
});
