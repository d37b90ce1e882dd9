/** Which attestations are sent, held against the Mediator's own rule. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toAddress } from "../../base/address.ts";
import { nobleCurve } from "../../base/curve.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { localSigner } from "../../chain/signer.ts";
import { hashCommit } from "../../protocol/messages.ts";
import { recoverSigner } from "../../protocol/signatures.ts";
import type { Domain, Signature } from "../../protocol/units.ts";
import {
  type Attested,
  attestationOf,
  chooseAttestations,
  verifyAttestation,
} from "./attestations.ts";

const DOMAIN: Domain = { chainId: 31_337, mediator: toAddress(`0x${"a0".repeat(20)}`) };
const ROUND = 7;
const [OURS, OTHERS] = [`0x${"01".repeat(32)}`, `0x${"02".repeat(32)}`] as [Hex, Hex];
const signers = [1, 2, 3, 4, 5, 6].map((n) => localSigner(`0x${`${n}`.padStart(64, "0")}`));
const operators = signers.map(({ address }) => address);
const everybody = new Set(operators);

async function attest(index: number, rootsHash: Hex = OURS, round = ROUND): Promise<Attested> {
  const signer = signers[index] as (typeof signers)[number];
  const signature = await signer.signMessage(DOMAIN, hashCommit({ round, rootsHash }));
  return { operator: signer.address, rootsHash, signature };
}

const ours = await Promise.all(operators.map((_, i) => attest(i)));
const others = await Promise.all(operators.map((_, i) => attest(i, OTHERS)));

/** As in Mediator._requireQuorum, of signatures over `OURS`. */
function mediatorTakes(
  signatures: readonly Signature[],
  sender: Address,
  approved: ReadonlySet<Address>,
  quorum: number,
): boolean {
  if (quorum <= 1) return true;
  if (signatures.length + 1 < quorum) return false;
  let previous = 0n;
  const structHash = hashCommit({ round: ROUND, rootsHash: OURS });
  return signatures.every((signature) => {
    const signer = recoverSigner(nobleCurve, DOMAIN, structHash, signature);
    const number = BigInt(signer ?? 0);
    const good = number > previous && signer !== sender && approved.has(signer as Address);
    previous = number;
    return good;
  });
}

describe("the attestations of a commit", () => {
  const sender = operators[0] as Address;
  const choose = (given: readonly Attested[], quorum = 3, approved = everybody) =>
    chooseAttestations(given, { rootsHash: OURS, sender, approved, quorum });
  const [own, ada, bob, cy] = ours as [Attested, Attested, Attested, Attested];

  it("the attestations are none for a quorum of one", () => {
    expect(choose(ours, 1)).toEqual([]);
  });
  it("the attestations are as many as the quorum takes, though there are more", () => {
    expect(choose(ours, 3)).toHaveLength(2);
  });
  it("the attestations are too few where there are too few", () => {
    expect(choose([ada])).toEqual([ada.signature]);
    expect(choose([])).toEqual([]);
  });
  it("the attestations are of other approved operators, for our roots, one of each", () => {
    const { signature } = ada;
    expect(choose([own, ada])).toEqual([signature]);
    expect(choose([...others, ada])).toEqual([signature]);
    expect(choose([ada, bob], 3, new Set([ada.operator]))).toEqual([signature]);
    expect(choose([ada, ada, ada])).toEqual([signature]);
  });
  it("the attestations ascend by the signer's number, in whatever order they come", () => {
    const signed = choose([cy, bob, ada], 4);
    expect(signed).toHaveLength(3);
    expect(signed).toEqual(choose([ada, cy, bob], 4));
    expect(mediatorTakes(signed, sender, everybody, 4)).toBe(true);
  });

  it("the attestations are what the Mediator takes, whenever it would take any", () => {
    const index = fc.nat(operators.length - 1);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(index, fc.boolean()), { maxLength: 10 }),
        fc.uniqueArray(index),
        index,
        fc.integer({ min: 1, max: 7 }),
        (rows, members, from, quorum) => {
          const given = rows.map(([i, same]) => (same ? ours : others)[i] as Attested);
          const approved = new Set(members.map((i) => operators[i] as Address));
          const by = operators[from] as Address;
          const wanted = { rootsHash: OURS, sender: by, approved, quorum };
          const chosen = chooseAttestations(given, wanted);
          const standing = new Set(
            rows
              .filter(([i, same]) => same && i !== from && members.includes(i))
              .map(([i]) => operators[i]),
          );
          const taken = mediatorTakes(chosen, by, approved, quorum);
          expect(taken).toBe(standing.size + 1 >= quorum);
          expect(chosen).toHaveLength(Math.min(quorum - 1, standing.size));
        },
      ),
    );
  });
});

describe("a stored attestation", () => {
  const verify = (change: object, attested = ours[1] as Attested) =>
    verifyAttestation(nobleCurve, DOMAIN, { ...attestationOf(ROUND, attested), ...change });

  it("a stored attestation is read as it was written, whatever the case of its address", () => {
    const operator = operators[1] as Address;
    expect(verify({})).toEqual(ours[1]);
    expect(verify({ operator: operator.toLowerCase() })).toEqual(ours[1]);
  });
  it.each([
    ["another operator", { operator: operators[2] }],
    ["another round", { round: ROUND + 1 }],
    ["other roots", { rootsHash: OTHERS }],
    ["half a signature", { signature: `0x${"11".repeat(32)}` }],
    ["no signature of anybody", { signature: `0x${"ff".repeat(64)}` }],
    ["a hash of another length", { rootsHash: "0x01" }],
  ])("a stored attestation of %s is none", (_, change) => {
    expect(verify(change)).toBeUndefined();
  });
  it("a stored attestation of another exchange is none", () => {
    const domain = { ...DOMAIN, mediator: operators[0] as Address };
    const stored = attestationOf(ROUND, ours[1] as Attested);
    expect(verifyAttestation(nobleCurve, domain, stored)).toBeUndefined();
  });
});
