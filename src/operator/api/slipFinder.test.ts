import { expect, it } from "vitest";
import { publicKeyToAddress } from "../../base/address.ts";
import { nobleCurve } from "../../base/curve.ts";
import type { Address } from "../../base/hex.ts";
import { hashCancelOrder } from "../../protocol/messages.ts";
import { refuse } from "../../protocol/refusals.ts";
import { encodeSignature, signMessage } from "../../protocol/signatures.ts";
import { likelySlips } from "../../protocol/slips.ts";
import { SlipFinder } from "./slipFinder.ts";

const KEY = new Uint8Array(32).fill(7);
const OWNER = publicKeyToAddress(nobleCurve.publicKey(KEY));
const domain = { chainId: 900, mediator: OWNER as Address };
const hash = hashCancelOrder({ owner: OWNER, round: 1, id: 2n });
const refusal = refuse("BadSignature", { owner: OWNER, recovered: undefined });

it("the finder names every likely slip of the owner, and none of a stranger", () => {
  for (const { digest, slip } of likelySlips(domain, hash)) {
    const signature = { ...encodeSignature(nobleCurve.sign(digest, KEY)), path: [] };
    const finder = new SlipFinder({ curve: nobleCurve, domain });
    expect(finder.explain(refusal, hash, { signature })).toEqual({ ...refusal, slip });
  }
  const stranger = signMessage(nobleCurve, domain, hash, new Uint8Array(32).fill(8));
  const finder = new SlipFinder({ curve: nobleCurve, domain });
  expect(finder.explain(refusal, hash, { signature: stranger })).toBe(refusal);
});

it("the finder examines a few slips in a second, and then refuses without", () => {
  let now = 5000;
  let recoveries = 0;
  const counting = {
    ...nobleCurve,
    recover: (...args: Parameters<typeof nobleCurve.recover>) => {
      recoveries += 1;
      return nobleCurve.recover(...args);
    },
  };
  const finder = new SlipFinder({ curve: counting, domain }, undefined, () => now);
  const signature = signMessage(nobleCurve, domain, hash, new Uint8Array(32).fill(8));
  const costs = () => {
    recoveries = 0;
    for (let i = 0; i < 50; i++) finder.explain(refusal, hash, { signature });
    return recoveries;
  };
  const inOneSecond = costs();
  expect(inOneSecond).toBeLessThanOrEqual(4 * likelySlips(domain, hash).length);
  expect(costs()).toBe(0);
  now += 1000;
  expect(costs()).toBe(inOneSecond);
});
