import { expect, test } from "vitest";
import { nobleCurve } from "../../base/curve.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { localSigner, type Signer, SignerUnavailable } from "../../chain/signer.ts";
import { FILL_PATH_LENGTH } from "../../protocol/limits.ts";
import { hashFill } from "../../protocol/messages.ts";
import { recoverSigner } from "../../protocol/signatures.ts";
import type { Domain, Fill } from "../../protocol/units.ts";
import { FillSigner, NotApproved } from "./fillSigner.ts";

const KEY: Hex = `0x${"4c".repeat(32)}`;
const OWNER: Address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const domain: Domain = { chainId: 31337, mediator: "0x5FbDB2315678afecb367f032d93F642f64180aa3" };

function fill(sequence: bigint): Fill {
  return { orderHash: KEY, owner: OWNER, round: 1, sold: 10n, bought: 30n, sequence };
}

/** A local signer that counts, and fails while `broken`. */
function counting() {
  const local = localSigner(KEY);
  const told = { asked: 0, broken: false };
  const signer: Signer = {
    ...local,
    signMessages: async (...messages) => {
      told.asked += 1;
      if (told.broken) throw new SignerUnavailable("Asleep.", "Wake it.");
      return local.signMessages(...messages);
    },
  };
  return { told, signer };
}

test("a fill is signed by the key, and asked for once while it is remembered", async () => {
  const { told, signer } = counting();
  const fills = new FillSigner(signer, domain);
  const [one, same] = await Promise.all([fills.sign(fill(1n)), fills.sign({ ...fill(1n) })]);
  const other = await fills.sign(fill(2n));
  expect(same).toEqual(one);
  expect(await fills.sign(fill(1n))).toEqual(one);
  expect(other.signature).not.toEqual(one.signature);
  expect(told.asked).toBe(2);
  for (const signed of [one, other]) {
    const from = recoverSigner(nobleCurve, domain, hashFill(signed.fill), signed.signature);
    expect(from).toBe(signer.address);
  }
});

test("fills of one tick share signatures, each as a dispute can show it", async () => {
  const { told, signer } = counting();
  const fills = new FillSigner(signer, domain);
  const sequences = Array.from({ length: 20 }, (_, n) => BigInt(n + 1));
  const signed = await Promise.all(sequences.map((sequence) => fills.sign(fill(sequence))));
  expect(told.asked).toBe(3);
  for (const [at, one] of signed.entries()) {
    expect(one.fill.sequence).toBe(sequences[at]);
    expect(one.signature.path.length).toBeLessThanOrEqual(FILL_PATH_LENGTH);
    const from = recoverSigner(nobleCurve, domain, hashFill(one.fill), one.signature);
    expect(from).toBe(signer.address);
  }
});

test("nothing is signed by a key that is no operator's any more, remembered or not", async () => {
  const { told, signer } = counting();
  let isApproved = true;
  const fills = new FillSigner(signer, domain, () => isApproved);
  await fills.sign(fill(1n));
  isApproved = false;
  await expect(fills.sign(fill(1n))).rejects.toThrow(NotApproved);
  expect(told.asked).toBe(1);
  isApproved = true;
  expect((await fills.sign(fill(1n))).fill).toEqual(fill(1n));
});

test("the oldest signatures are forgotten, and come out the same again", async () => {
  const { told, signer } = counting();
  const instant: Signer = {
    ...signer,
    signMessages: async () => {
      told.asked += 1;
      return [{ r: "0x", vs: "0x", path: [] }];
    },
  };
  const fills = new FillSigner(instant, domain);
  for (let sequence = 1n; sequence <= 5000n; sequence++) await fills.sign(fill(sequence));
  await fills.sign(fill(5000n));
  expect(told.asked).toBe(5000);
  await fills.sign(fill(1n));
  expect(told.asked).toBe(5001);

  const first = await new FillSigner(signer, domain).sign(fill(1n));
  expect(await new FillSigner(signer, domain).sign(fill(1n))).toEqual(first);
});

test("a failure is not remembered", async () => {
  const { told, signer } = counting();
  const fills = new FillSigner(signer, domain);
  told.broken = true;
  await expect(fills.sign(fill(1n))).rejects.toMatchObject({ code: "SignerUnavailable" });
  told.broken = false;
  expect((await fills.sign(fill(1n))).fill).toEqual(fill(1n));
});
