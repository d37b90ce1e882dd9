/** Operators' signatures are kept if they can be evidence, and refused aloud if they are wrong. */
import { beforeEach, expect, it } from "vitest";
import { publicKeyToAddress } from "../base/address.ts";
import { nobleCurve } from "../base/curve.ts";
import type { Address } from "../base/hex.ts";
import type { ExchangeConstants, MediatorReader } from "../chain/contracts/mediator.ts";
import { hashFill, orderHash } from "../protocol/messages.ts";
import { signMessage } from "../protocol/signatures.ts";
import type { Fill, Order, SignedFill } from "../protocol/units.ts";
import { MemoryEvidence } from "./evidence/evidence.ts";
import { Receipts } from "./receipts.ts";

const OPERATOR = new Uint8Array(32).fill(1);
const STRANGER = new Uint8Array(32).fill(2);
const operator = publicKeyToAddress(nobleCurve.publicKey(OPERATOR));
const WETH = "0x5FbDB2315678afecb367f032d93F642f64180aa3" as Address;
const USDC = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512" as Address;
const OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" as Address;
const MEDIATOR = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC" as Address;
const order: Order = {
  owner: OWNER,
  round: 3,
  id: 1n,
  intent: "sellAll",
  sellToken: WETH,
  sellAmount: 100n,
  buyToken: USDC,
  buyAmount: 200n,
};
const hash = orderHash(order);
const domain = { chainId: 1, mediator: MEDIATOR };
const constants: ExchangeConstants = {
  domain,
  manager: MEDIATOR,
  disputeBond: 0n,
  withdrawalBond: 0n,
  schedule: { genesisBlock: 10, roundSize: 8 },
};

let evidence: MemoryEvidence;
let receipts: Receipts;
/** Spans about which the chain was asked. */
let asked: [Address, number, number][];

beforeEach(async () => {
  asked = [];
  evidence = new MemoryEvidence();
  await evidence.saveOrder(hash, {
    order,
    signature: { r: hash, vs: hash, path: [] },
  });
  const wasOperator = async (_: Address, account: Address, from: number, to: number) => {
    asked.push([account, from, to]);
    return account === operator;
  };
  const reader = { wasOperator } as unknown as MediatorReader;
  receipts = new Receipts({ reader, constants, curve: nobleCurve, evidence, owner: OWNER });
});

function filled(changes: Partial<Fill> = {}, key = OPERATOR): { fill: SignedFill } {
  const fill = {
    orderHash: hash,
    owner: OWNER,
    round: 3,
    sold: 10n,
    bought: 20n,
    sequence: 1n,
    ...changes,
  };
  return { fill: { fill, signature: signMessage(nobleCurve, domain, hashFill(fill), key) } };
}

const kept = async () => (await evidence.orders(3))[0]?.fill?.fill.sold;

it("evidence keeps the fill that goes further, in whatever order fills come", async () => {
  const later = filled({ sold: 30n, bought: 60n, sequence: 2n });
  await receipts.keep([later, filled()], 3);
  expect(await kept()).toBe(30n);
  await receipts.keep([{ fill: null }, later], 3);
  expect(await kept()).toBe(30n);
});

it("the chain is asked once for each key and round, about that round's blocks", async () => {
  await receipts.keep([filled(), filled({ sold: 12n, bought: 24n, sequence: 2n })], 3);
  expect(asked).toEqual([[operator, 34, 41]]);
});

it.each<[string, { fill: SignedFill }]>([
  ["a stranger's", filled({}, STRANGER)],
  ["of another owner", filled({ owner: WETH })],
  ["of another round", filled({ round: 2 })],
  ["beyond the order", filled({ sold: 101n, bought: 300n })],
  ["below its price", filled({ bought: 19n })],
  [
    "signed for other amounts",
    { fill: { ...filled().fill, fill: filled({ sold: 9n }).fill.fill } },
  ],
])("a fill that is %s is refused, and nothing of it kept", async (_what, wrong) => {
  const fault = receipts.keep([wrong], 3);
  await expect(fault).rejects.toMatchObject({ code: "BadReceipt" });
  expect(await kept()).toBeUndefined();
});

it("a fill that takes back what was kept, or grows before it, is refused", async () => {
  await receipts.keep([filled({ sold: 30n, bought: 60n, sequence: 5n })], 3);
  for (const wrong of [
    filled({ sold: 20n, bought: 60n, sequence: 6n }),
    filled({ sold: 40n, bought: 80n, sequence: 4n }),
  ]) {
    await expect(receipts.keep([wrong], 3)).rejects.toMatchObject({ code: "BadReceipt" });
  }
  expect(await kept()).toBe(30n);
});

it("fills of orders without evidence are passed over: another device placed them", async () => {
  await receipts.keep([filled({ orderHash: `0x${"cd".repeat(32)}` }, STRANGER)], 3);
  expect(asked).toEqual([]);
});
