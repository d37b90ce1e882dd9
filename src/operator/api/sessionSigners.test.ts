import { expect, it } from "vitest";
import { type Curve, nobleCurve } from "../../base/curve.ts";
import { ALICE, BOB, GENESIS } from "../../exchange/world.testkit.ts";
import { hashSession } from "../../protocol/messages.ts";
import { recoverSigner, signBatch, signMessage } from "../../protocol/signatures.ts";
import { SessionSigners } from "./sessionSigners.ts";

const domain = { chainId: GENESIS.chainId, mediator: GENESIS.mediator };
const KEY = new Uint8Array(32).fill(7);
const session = { client: ALICE, validUntil: 50 };

/** Signers over a curve that counts its recoveries. */
function counted(most?: number) {
  const count = { recoveries: 0 };
  const curve: Curve = {
    ...nobleCurve,
    recover: (...given) => {
      count.recoveries += 1;
      return nobleCurve.recover(...given);
    },
  };
  return { count, signers: new SessionSigners({ curve, domain }, most) };
}

it("a session's signer is recovered once, and never taken for another session's", () => {
  const { count, signers } = counted();
  const hash = hashSession(session);
  const signature = signMessage(nobleCurve, domain, hash, KEY);
  const signer = recoverSigner(nobleCurve, domain, hash, signature);
  for (let i = 0; i < 5; i++) expect(signers.signerOf(session, signature)).toBe(signer);
  expect(count.recoveries).toBe(1);
  const others = [
    { ...session, validUntil: 51 },
    { ...session, client: BOB },
  ];
  for (const other of others) {
    const expected = recoverSigner(nobleCurve, domain, hashSession(other), signature);
    expect(signers.signerOf(other, signature)).toBe(expected);
    expect(expected).not.toBe(signer);
  }
  const zero = { ...signature, r: `0x${"00".repeat(32)}` as const };
  expect(signers.signerOf(session, zero)).toBeUndefined();
});

it("a session that was signed in a batch is recovered each time", () => {
  const { count, signers } = counted();
  const hashes = [hashSession(session), hashSession({ ...session, client: BOB })];
  const [signature] = signBatch(nobleCurve, domain, hashes, KEY);
  if (signature === undefined) throw new Error("The batch gives a signature for each message.");
  const expected = recoverSigner(nobleCurve, domain, hashSession(session), signature);
  for (let i = 0; i < 2; i++) expect(signers.signerOf(session, signature)).toBe(expected);
  expect(count.recoveries).toBe(2);
});

it("the session that was not seen for longest makes room for another", () => {
  const { count, signers } = counted(2);
  const signature = signMessage(nobleCurve, domain, hashSession(session), KEY);
  const show = (validUntil: number) => signers.signerOf({ ...session, validUntil }, signature);
  for (const validUntil of [1, 2, 1, 3, 1]) show(validUntil);
  expect(count.recoveries).toBe(3);
  show(2);
  expect(count.recoveries).toBe(4);
});
