/** The slips as other libraries make them: viem signs, and the digest is found among the likely. */

import { hashMessage, hashTypedData, type Hex as ViemHex } from "viem";
import { expect, it } from "vitest";
import { type Address, bytesToHex } from "../base/hex.ts";
import { digest, hashOrder, INTENT_CODE, MESSAGE_TYPES } from "./messages.ts";
import { likelySlips, slipText } from "./slips.ts";
import type { Order } from "./units.ts";

const MEDIATOR = "0x5FbDB2315678afecb367f032d93F642f64180aa3" as Address;
const MANAGER = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512" as Address;
const OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" as Address;
const order: Order = {
  owner: OWNER,
  round: 3,
  id: 7n,
  sellToken: MEDIATOR,
  sellAmount: 5n,
  buyToken: MANAGER,
  buyAmount: 6n,
  intent: "sellAll",
};
const domain = { chainId: 900, mediator: MEDIATOR };
const right = { name: "Quarterdeck", version: "1", chainId: 900, verifyingContract: MEDIATOR };
const slips = likelySlips(domain, hashOrder(order), { order, manager: MANAGER });

function typedDigest(changed: object, message: Order = order): ViemHex {
  const fields = Object.keys(changed);
  const all = [
    { name: "name", type: "string" },
    { name: "version", type: "string" },
    { name: "chainId", type: "uint256" },
    { name: "verifyingContract", type: "address" },
  ];
  return hashTypedData({
    domain: changed as Record<string, never>,
    types: {
      EIP712Domain: all.filter(({ name }) => fields.includes(name)),
      Order: [...MESSAGE_TYPES.Order],
    },
    primaryType: "Order",
    message: { ...message, round: BigInt(message.round), intent: INTENT_CODE[message.intent] },
  } as never);
}

const { chainId: _id, ...withoutChain } = right;
const { version: _version, ...withoutVersion } = right;
const { verifyingContract: _contract, ...withoutContract } = right;
const whole = digest(domain, hashOrder(order));

it.each([
  ["domainWithout", typedDigest(withoutChain)],
  ["domainWithout", typedDigest(withoutVersion)],
  ["domainWithout", typedDigest(withoutContract)],
  ["otherDomain", typedDigest({ ...right, chainId: 1 })],
  ["otherDomain", typedDigest({ ...right, version: "1.0" })],
  ["otherContract", typedDigest({ ...right, verifyingContract: MANAGER })],
  ["personalSign", hashMessage({ raw: bytesToHex(whole) as ViemHex })],
  ["personalSign", hashMessage({ raw: bytesToHex(hashOrder(order)) as ViemHex })],
  ["bareHash", bytesToHex(hashOrder(order))],
  ["otherIntent", typedDigest(right, { ...order, intent: "buyAll" })],
])("a slip is found by its digest: %s", (name, signed) => {
  const found = slips.filter((one) => bytesToHex(one.digest) === signed);
  expect(found.map(({ slip }) => slip.slip)).toEqual([name]);
});

it("a right order is no slip, and each slip is told in a sentence of its own", () => {
  expect(typedDigest(right)).toBe(bytesToHex(whole));
  expect(slips.map((one) => bytesToHex(one.digest))).not.toContain(bytesToHex(whole));
  const texts = slips.map(({ slip }) => slipText(slip));
  for (const text of texts) expect(text).toMatch(/^ The owner signed .*[^.]\.$/);
  expect(slipText(undefined)).toBe("");
  expect(new Set(slips.map((one) => bytesToHex(one.digest))).size).toBe(slips.length);
});
