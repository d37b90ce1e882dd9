import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Anvil, startAnvil } from "../../../test/support/chain/anvil.ts";
import {
  type HttpProxy,
  type RpcAnswer,
  startHttpProxy,
} from "../../../test/support/faults/proxy.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { connect } from "../rpc/rpc.ts";
import { localSigner } from "../signer.ts";
import { readNumberSeen, requireOwnBlockNumbers, requireSameClock } from "./blockNumbers.ts";
import { deployExchange } from "./deploy.ts";
import { type ChainClock, MediatorReader } from "./mediator.ts";

const SCHEDULE = { genesisBlock: 100, roundSize: 40 };

describe("the Mediator's clock", () => {
  const clock = (block: number, round: number, quarter: 0 | 1 | 2 | 3): ChainClock => ({
    block,
    round,
    quarter,
    halted: false,
    haltBlock: undefined,
    committedRound: 0,
  });

  it.each([
    [100, 0, 0],
    [109, 0, 0],
    [110, 0, 1],
    [139, 0, 3],
    [140, 1, 0],
    [109, 0, 1],
    [139, 1, 0],
  ] as const)("the clock agrees: block %i, round %i, quarter %i", (block, round, quarter) => {
    expect(() => requireSameClock(clock(block, round, quarter), SCHEDULE)).not.toThrow();
  });

  it.each([
    [110, 0, 0],
    [108, 0, 1],
    [140, 0, 3],
    [99, 0, 0],
    [4_000_000, 0, 0],
  ] as const)("the clock disagrees: block %i, round %i, quarter %i", (block, round, quarter) => {
    const compare = () => requireSameClock(clock(block, round, quarter), SCHEDULE);
    expect(compare).toThrow(/docs\/chains\.md/);
  });

  it("the Mediator's clock stands still once it is halted, and says nothing then", () => {
    const halted = { ...clock(4_000_000, 1, 1), halted: true };
    expect(() => requireSameClock(halted, SCHEDULE)).not.toThrow();
  });
});

describe("a chain", () => {
  const OFFSET = 1_000_000;
  let anvil: Anvil;
  let shifted: HttpProxy;
  let mediator: Address;
  beforeAll(async () => {
    anvil = await startAnvil();
    ({ mediator } = await deployExchange({
      client: anvil.client,
      owner: localSigner(anvil.keys[0] as Hex),
      operator: { address: anvil.addresses[1] as Address, name: "a", uri: "b" },
      roundSize: 40,
      disputeBond: 0n,
      tokens: [],
    }));
    // Its blocks have other numbers than its contracts see.
    shifted = await startHttpProxy(anvil.url, async ({ method, params }, forward) => {
      if (method === "eth_call") {
        const [call, tag] = params as [object, Hex];
        const own = `0x${(Number(tag) - OFFSET).toString(16)}`;
        return { result: await anvil.rpc("eth_call", [call, own]) };
      }
      const answer: RpcAnswer = await forward();
      if (method !== "eth_blockNumber") return answer;
      return { result: `0x${(Number(answer.result) + OFFSET).toString(16)}` };
    });
  });
  afterAll(async () => {
    shifted.stop();
    await anvil.stop();
  });

  async function look(url: string) {
    const client = connect([url], { retries: 0 });
    const reader = new MediatorReader(client, mediator);
    const { schedule } = await new MediatorReader(anvil.client, mediator).constants();
    const block = Number(await client.getBlockNumber());
    return { block, seen: await readNumberSeen(client, block), reader, schedule };
  }

  it("a chain whose contracts see its own block numbers is taken", async () => {
    await anvil.mine(3);
    const { block, seen, reader, schedule } = await look(anvil.url);
    expect(seen).toBe(block);
    await requireOwnBlockNumbers(reader, schedule);
  });

  it("a chain whose contracts see another chain's block numbers is refused", async () => {
    const { block, seen, reader, schedule } = await look(shifted.url);
    expect(seen).toBe(block - OFFSET);
    await expect(requireOwnBlockNumbers(reader, schedule)).rejects.toMatchObject({
      code: "ForeignBlockNumbers",
      message: expect.stringContaining(`at block ${block}`),
    });
  });
});
