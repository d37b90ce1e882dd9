/** Signatures in all the forms that signers give: one order, one signature. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { publicKeyToAddress } from "../../base/address.ts";
import { nobleCurve } from "../../base/curve.ts";
import { bytesToHex, type Hex } from "../../base/hex.ts";
import { hashSession } from "../../protocol/messages.ts";
import { decodeSignature, recoverSigner, signMessage, toRsv } from "../../protocol/signatures.ts";
import { formatSession, parseSession } from "../session.ts";
import { signatureInput, signature as strict } from "./signature.ts";

const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const keys = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((key) => key[0] !== 255);
const usable = keys.filter((key) => key.some((byte) => byte !== 0));
const blocks = fc.nat(10 ** 9);

function signed(key: Uint8Array, validUntil: number) {
  const client = publicKeyToAddress(nobleCurve.publicKey(key));
  const domain = { chainId: 1, mediator: client };
  const session = { client, validUntil };
  const hash = hashSession(session);
  return { client, domain, session, hash, signature: signMessage(nobleCurve, domain, hash, key) };
}

function formsOf(compact: { readonly r: Hex; readonly vs: Hex; readonly path: readonly Hex[] }) {
  const { s: low, yParity } = decodeSignature(compact) as { s: Uint8Array; yParity: 0 | 1 };
  const { r, vs } = compact;
  const s = bytesToHex(low);
  const mirrored = (CURVE_ORDER - BigInt(s)).toString(16).padStart(64, "0");
  const rsv = toRsv(compact);
  const v = 27 + yParity;
  return [
    { r, vs },
    { r, vs, path: [] },
    `${r}${vs.slice(2)}`,
    rsv,
    rsv.toUpperCase().replace("0X", "0x"),
    `${rsv.slice(0, 130)}0${yParity}`,
    { r, s, v },
    { r, s, v: yParity },
    { r, s, v: String(v) },
    { r, s, v: `0x${v.toString(16)}` },
    { r, s, yParity },
    { r, s, yParity, v },
    // The mirror of a signature, which is as good to most verifiers.
    { r, s: `0x${mirrored}`, v: 27 + (1 - yParity) },
    `${r}${mirrored}${(27 + (1 - yParity)).toString(16)}`,
  ];
}

it("every form is folded into the one that counts", () => {
  fc.assert(
    fc.property(usable, blocks, (key, until) => {
      const { signature, client, domain, hash } = signed(key, until);
      for (const form of formsOf(signature)) {
        const folded = signatureInput.parse(form);
        expect(folded).toEqual(signature);
        expect(recoverSigner(nobleCurve, domain, hash, folded)).toBe(client);
      }
    }),
    { numRuns: 25 },
  );
});

const one = signed(new Uint8Array(32).fill(3), 5).signature;
const s = bytesToHex((decodeSignature(one) as { s: Uint8Array }).s);

it.each([
  ["nothing", undefined],
  ["a number", 5],
  ["no v", { r: one.r, s }],
  ["a v that is none", { r: one.r, s, v: 29 }],
  ["an s beyond the curve", { r: one.r, s: `0x${"ff".repeat(32)}`, v: 27 }],
  ["66 bytes", `${one.r}${"00".repeat(34)}`],
  ["a stranger", { r: one.r, s, v: 27, colour: "red" }],
  ["short words", { r: "0x12", vs: one.vs }],
])("a wrong form is refused with the forms that are right: %s", (_what, form) => {
  const outcome = signatureInput.safeParse(form);
  expect(outcome.success).toBe(false);
  expect(outcome.error?.issues[0]?.message).toMatch(/EIP-2098.*65 bytes/);
});

it("a signature that an operator answers has one form only", () => {
  expect(strict.safeParse({ r: one.r, s, v: 27 }).success).toBe(false);
  expect(strict.safeParse(toRsv(one)).success).toBe(false);
});

it("a session's header takes the words, or the 65 bytes", () => {
  const { session, signature } = signed(new Uint8Array(32).fill(3), 5);
  const header = formatSession({ session, signature });
  const whole = `Quarterdeck ${session.client} ${session.validUntil} ${toRsv(signature)}`;
  expect(parseSession(header)).toEqual({ ok: true, value: { session, signature } });
  expect(parseSession(whole)).toEqual(parseSession(header));
  for (const bad of [undefined, "", "Bearer x", `${header} x`, header.slice(0, -1)]) {
    expect(parseSession(bad)).toMatchObject({ ok: false });
  }
});
