/** docs/bots.md says what is so: its example is made again, here and by another library. */
import { readFileSync } from "node:fs";
import { hashDomain, hashStruct, hashTypedData } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { expect, it } from "vitest";
import { nobleCurve } from "../base/curve.ts";
import { bytesToHex, type Hex } from "../base/hex.ts";
import {
  DOMAIN_NAME,
  DOMAIN_VERSION,
  digest,
  domainSeparator,
  hashOrder,
  hashSession,
  INTENT_CODE,
  MESSAGE_TYPES,
  orderHash,
  typeHash,
} from "../protocol/messages.ts";
import { recoverSigner, signMessage, toRsv } from "../protocol/signatures.ts";
import { MAX_SESSION_BLOCKS } from "../protocol/tolerances.ts";
import {
  FIRST_TERMS_ID,
  LAST_TERMS_ID,
  SELF_TRADES,
  TERMS_ID_PREFIX,
  TIMES_IN_FORCE,
} from "../protocol/trading/terms.ts";
import { signedOrderInput } from "./schemas/order.ts";
import { toJson } from "./schemas/values.ts";
import { formatSession, parseSession } from "./session.ts";

const page = readFileSync("docs/bots.md", "utf8");
const json = /```json\n([^`]+)```/.exec(page)?.[1] ?? "";
const shown = signedOrderInput.parse(JSON.parse(json));
const { order } = shown;
const KEY = new Uint8Array(32).fill(1);
const domain = { chainId: 31337, mediator: "0x5FbDB2315678afecb367f032d93F642f64180aa3" as Hex };
const typed = {
  domain: {
    name: DOMAIN_NAME,
    version: DOMAIN_VERSION,
    chainId: domain.chainId,
    verifyingContract: domain.mediator,
  },
  types: { Order: [...MESSAGE_TYPES.Order] },
  primaryType: "Order",
  message: { ...order, round: BigInt(order.round), intent: INTENT_CODE[order.intent] },
} as never;

/** What the table says of a step. */
function cell(step: string): string | undefined {
  return new RegExp(`\\| ${step} \\| \`([^\`]+)\` \\|`).exec(page)?.[1];
}

it("the example is what this project makes of it", () => {
  expect(cell("domain separator")).toBe(bytesToHex(domainSeparator(domain)));
  expect(cell("type hash of Order")).toBe(bytesToHex(typeHash("Order")));
  expect(cell("order hash")).toBe(orderHash(order));
  expect(cell("digest")).toBe(bytesToHex(digest(domain, hashOrder(order))));
  const signature = signMessage(nobleCurve, domain, hashOrder(order), KEY);
  expect(shown.signature).toEqual(signature);
  expect(cell("the same as 65 bytes")).toBe(toRsv(signature));
  const signer = recoverSigner(nobleCurve, domain, hashOrder(order), signature);
  expect(signer).toBe(order.owner);
  expect(JSON.parse(toJson({ order }))).toEqual({ order: JSON.parse(json).order });
});

it("the document is what another library makes of it", async () => {
  const account = privateKeyToAccount(bytesToHex(KEY) as `0x${string}`);
  expect(account.address).toBe(order.owner);
  expect(cell("digest")).toBe(hashTypedData(typed));
  expect(cell("order hash")).toBe(
    hashStruct({
      data: (typed as { message: never }).message,
      primaryType: "Order",
      types: { Order: [...MESSAGE_TYPES.Order] },
    } as never),
  );
  const types = {
    EIP712Domain: [
      { name: "name", type: "string" },
      { name: "version", type: "string" },
      { name: "chainId", type: "uint256" },
      { name: "verifyingContract", type: "address" },
    ],
  };
  const own = hashDomain({ domain: (typed as { domain: never }).domain, types } as never);
  expect(cell("domain separator")).toBe(own);
  expect(cell("the same as 65 bytes")).toBe(await account.signTypedData(typed));
});

it("the session's header is that of the key", () => {
  const header = /^authorization: (Quarterdeck 0x\S+ \d+ \S+ \S+)$/m.exec(page)?.[1];
  const parsed = parseSession(header);
  if (!parsed.ok) throw new Error(parsed.problem);
  const { session } = parsed.value;
  const signature = signMessage(nobleCurve, domain, hashSession(session), KEY);
  expect(header).toBe(formatSession({ session, signature }));
  expect(page).toContain(`at most ${MAX_SESSION_BLOCKS} ahead`);
});

it("the document names the ids of orders with terms", () => {
  expect(page).toContain(`from ${FIRST_TERMS_ID} `);
  expect(page).toContain(`to ${LAST_TERMS_ID} are of orders`);
  expect(page).toContain(`\`0x${TERMS_ID_PREFIX.toString(16)}\``);
  for (const word of [...TIMES_IN_FORCE, ...SELF_TRADES]) expect(page).toContain(`\`${word}\``);
});

it.each(["Order", "CancelOrder", "CancelAll", "CancelAfter", "OrderTerms", "Session"] as const)(
  "the type of %s is whole",
  (name) => {
    const fields = MESSAGE_TYPES[name].map((field) => `${field.type} ${field.name}`).join(",");
    expect(page).toContain(`\n${name}(${fields})\n`);
  },
);
