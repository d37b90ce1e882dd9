/** Statements across operators on one journal: handed over by slots, and after a leader's loss. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Api } from "../src/client/api.ts";
import type { ExchangeClient } from "../src/client/client.ts";
import { dispute } from "../src/client/dispute.ts";
import { lastCountersigned } from "../src/client/evidence/evidence.ts";
import { roundOf } from "../src/protocol/rounds.ts";
import { coversAll } from "../src/protocol/statementRule.ts";
import { Blocks } from "./support/chain/blocks.ts";
import { until } from "./support/exchange/exchange.ts";
import {
  type Member,
  type OperatorsExchange,
  startOperatorsExchange,
} from "./support/exchange/severalOperators.ts";

const LIMIT = 12;
const PACE_MS = 80;

describe("several operators that countersign", () => {
  let exchange: OperatorsExchange;
  let ada: ExchangeClient;
  let bob: ExchangeClient;

  beforeAll(async () => {
    exchange = await startOperatorsExchange({ blockSeconds: 0, ordersPerClientAndRound: LIMIT });
    [ada, bob] = [await exchange.client(0), await exchange.client(1)];
  });
  afterAll(() => exchange?.stop());

  /** Ada sells to Bob, order by order, beyond the limit. */
  async function trade(): Promise<void> {
    const order = { market: "WETH/USDC", price: "3000", amount: "0.01" };
    for (let i = 0; i < LIMIT + 4; i++) {
      await bob.createOrder({ ...order, side: "buy" });
      expect((await ada.createOrder({ ...order, side: "sell" })).state).toBe("filled");
    }
  }

  /** Blocks come at a pace until then. */
  async function passTime(isOver: () => Promise<boolean>): Promise<void> {
    const blocks = new Blocks(exchange, [ada.address], Number.POSITIVE_INFINITY, PACE_MS);
    await blocks.passUntil("time has passed", isOver);
  }

  /** Every member that runs comes to show what was countersigned of the round, or a later one. */
  async function expectKept(round: number): Promise<void> {
    for (const client of [ada, bob]) {
      const told = lastCountersigned(await client.evidence.statements(round));
      expect(told).toBeDefined();
      for (const { url, process, name } of exchange.members) {
        if (process === undefined) continue;
        const own = { params: { client: client.address }, session: await client.session() };
        await until(`${name} shows the statement`, async () => {
          const shown = await new Api(url).call("fetchStatements", own);
          return shown.some(
            ({ statement }) => told !== undefined && coversAll(statement, told.statement),
          );
        });
      }
    }
  }

  async function anotherLeads(before: Member): Promise<Member> {
    let next = before;
    await passTime(async () => {
      next = await exchange.leader();
      return next !== before;
    });
    return next;
  }

  it("operators go on from statements that another one countersigned", async () => {
    const round = roundOf(exchange.schedule, await exchange.anvil.blockNumber());
    expect(round).toBe(0);
    await trade();
    await expectKept(0);
    const first = await exchange.leader();
    const second = await anotherLeads(first);
    await trade();
    await expectKept(0);
    await second.kill();
    await anotherLeads(second);
    await trade();
    await expectKept(0);
    await second.start();
    await expectKept(0);
    const state = await ada.statements.state(0);
    const signers = await ada.evidence.statements(0);
    expect(state?.statement).toEqual(signers.at(-1)?.statement);
  });

  it("operators close a dispute about all of it, whoever countersigned", async () => {
    const { reader } = exchange;
    await passTime(async () => (await reader.clock()).committedRound === 1);
    expect((await ada.audit(1)).faults).toEqual([]);
    const opened = await dispute(ada);
    expect(opened.fills).toBeLessThanOrEqual(LIMIT);
    const leader = await exchange.leader();
    await leader.kill();
    await passTime(async () => !(await reader.isDisputeOpen(ada.address, opened.round)));
    expect((await reader.clock()).halted).toBe(false);
    await leader.start();
  });
});
