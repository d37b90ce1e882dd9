import { expect, it } from "vitest";
import { nobleCurve } from "../../base/curve.ts";
import type { Address } from "../../base/hex.ts";
import type { MediatorReader } from "../../chain/contracts/mediator.ts";
import { hashSession } from "../../protocol/messages.ts";
import { signMessage } from "../../protocol/signatures.ts";
import { parseSession } from "../../wire/session.ts";
import { OwnClock, Sessions } from "./ownClock.ts";

const KEY = new Uint8Array(32).fill(1);
const OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" as Address;
const DOMAIN = { chainId: 1, mediator: OWNER };
const schedule = { genesisBlock: 100, roundSize: 40 };

function chainAt(head: number) {
  const chain = { head, asked: 0 };
  const getBlockNumber = async () => {
    chain.asked += 1;
    return BigInt(chain.head);
  };
  const reader = { client: { getBlockNumber } } as unknown as MediatorReader;
  return { chain, clock: new OwnClock(reader, schedule) };
}

it.each([
  // Block 200 is in the middle of round 2, 220 begins round 3.
  [200, 1, true],
  [200, 2, true],
  [200, 3, false],
  [200, 0, false],
  // Its own endpoint may trail the operator's by a few blocks.
  [215, 3, true],
  [215, 4, false],
  [205, 3, false],
  [200, 1_000_000, false],
] as [number, number, boolean][])(
  "an operator at block %i may say round %i: %s",
  async (head, said, may) => {
    const confirmed = await chainAt(head)
      .clock.confirm(said)
      .catch((error) => error);
    if (may) expect(confirmed).toBe(said);
    else expect(confirmed).toMatchObject({ code: "RoundDisputed" });
  },
);

it("the chain is asked again only where what was seen does not settle it", async () => {
  const { chain, clock } = chainAt(200);
  for (let i = 0; i < 5; i++) await clock.confirm(2);
  expect(chain.asked).toBe(1);
  chain.head = 230;
  expect(await clock.confirm(3)).toBe(3);
  expect(chain.asked).toBe(2);
  expect(await clock.isOver(2)).toBe(true);
  expect(await clock.isOver(3)).toBe(false);
});

it("a session ends by the chain's time, whatever an operator says of it", async () => {
  const { clock } = chainAt(200);
  const sessions = new Sessions({
    clock,
    client: OWNER,
    sign: async (session) => signMessage(nobleCurve, DOMAIN, hashSession(session), KEY),
  });
  const until = async (said: number) => {
    const parsed = parseSession(await sessions.header(said));
    return parsed.ok && parsed.value.session.validUntil;
  };
  expect(await until(200)).toBe(1200);
  expect(await until(10 ** 12)).toBe(1200);
});
