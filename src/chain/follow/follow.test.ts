import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Anvil, freePort } from "../../../test/support/chain/anvil.ts";
import { startDeployedExchange } from "../../../test/support/exchange/deployedExchange.ts";
import type { Address, Hex } from "../../base/hex.ts";
import type { DeployedExchange } from "../contracts/deploy.ts";
import { encodeDeposit } from "../contracts/mediatorCalls.ts";
import { encodeApprove, encodeMint } from "../contracts/tokens.ts";
import { connect } from "../rpc/rpc.ts";
import { localSigner } from "../signer.ts";
import { Submitter } from "../submit/submitter.ts";
import { type ChainEvent, type FollowOptions, follow, readBlockRef } from "./follow.ts";

let anvil: Anvil;
let exchange: DeployedExchange;
let stop: AbortController;
beforeEach(async () => {
  ({ anvil, exchange } = await startDeployedExchange(40_000));
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await anvil.stop();
});

async function begin(changes: Partial<FollowOptions> = {}) {
  const after = await readBlockRef(anvil.client, 0);
  const { mediator } = exchange;
  const rest = { confirmations: 2, pollMs: 10, maxTries: 3, signal: stop.signal };
  const client = connect([anvil.url], { retries: 0 });
  return follow({ client, mediator, after, ...rest, ...changes });
}

type Final = Extract<ChainEvent, { kind: "final" }>;

/** All final events until block `last` is final. */
async function finalUpTo(events: AsyncGenerator<ChainEvent>, last: number): Promise<Final[]> {
  const found: Final[] = [];
  for await (const event of events) {
    if (event.kind !== "final") continue;
    found.push(event);
    if (event.to.number >= last) break;
  }
  return found;
}

async function deposit(amount: bigint): Promise<void> {
  const signer = localSigner(anvil.keys[3] as Hex);
  const chainId = await anvil.client.getChainId();
  const rest = { client: anvil.client, signer, chainId, maxFeePerGas: 10n ** 12n, pollMs: 5 };
  const submitter = new Submitter(rest);
  const [token] = exchange.tokens as [Address];
  const { mediator } = exchange;
  await submitter.send({ what: "mint", to: token, data: encodeMint(signer.address, amount) });
  await submitter.send({ what: "approve", to: token, data: encodeApprove(mediator, amount) });
  await submitter.send({ what: "deposit", to: mediator, data: encodeDeposit(token, amount) });
}

describe("the follower", () => {
  it("the follower yields logs of final blocks only, in order, each once", async () => {
    await deposit(5n);
    await deposit(7n);
    await anvil.mine(3);
    const head = await anvil.blockNumber();
    const found = await finalUpTo(await begin(), head - 2);
    expect(found.at(-1)?.to).toEqual(await readBlockRef(anvil.client, head - 2));
    const logs = found.flatMap(({ logs }) => logs);
    expect(logs.map(({ kind }) => kind)).toEqual(["tokenListed", "deposited", "deposited"]);
    expect(logs.slice(1)).toMatchObject([
      { client: anvil.addresses[3], amount: 5n, round: 0 },
      { client: anvil.addresses[3], amount: 7n, round: 0 },
    ]);
    expect(logs[1]?.block).toBeLessThan(logs[2]?.block as number);
  });

  it("the follower does not see a reorganisation within the confirmations", async () => {
    await anvil.mine(5);
    const before = await anvil.blockNumber();
    const events = await begin();
    const first = await finalUpTo(events, before - 2);
    expect(first.at(-1)?.to.number).toBe(before - 2);
    await anvil.rpc("anvil_reorg", [2, []]);
    await anvil.mine(4);
    const after = first.at(-1)?.to as Final["to"];
    const next = await finalUpTo(await begin({ after }), before + 2);
    expect(next.at(-1)?.to).toEqual(await readBlockRef(anvil.client, before + 2));
  });

  it("the follower stops at a deeper reorganisation, and names both hashes", async () => {
    await anvil.mine(8);
    const head = await anvil.blockNumber();
    const after = (await finalUpTo(await begin(), head - 2)).at(-1)?.to as Final["to"];
    await anvil.rpc("anvil_reorg", [6, []]);
    await anvil.mine(3);
    const now = await readBlockRef(anvil.client, after.number);
    expect(now.hash).not.toBe(after.hash);
    const following = finalUpTo(await begin({ after }), head);
    await expect(following).rejects.toMatchObject({ code: "ReorgTooDeep" });
    await expect(finalUpTo(await begin({ after }), head)).rejects.toThrow(
      new RegExp(`${after.hash}.*${now.hash}`),
    );
  });

  it("the follower catches up over thousands of blocks in a few reads", async () => {
    for (let i = 0; i < 10; i++) await anvil.mine(120);
    await deposit(1n);
    for (let i = 0; i < 10; i++) await anvil.mine(120);
    const head = await anvil.blockNumber();
    const found = await finalUpTo(await begin(), head - 2);
    expect(found.length).toBeLessThan(5);
    expect(found.flatMap(({ logs }) => logs)).toHaveLength(2);
  });

  it("the follower survives an endpoint that goes away, and gives up after its tries", async () => {
    await anvil.mine(4);
    const dead = `http://127.0.0.1:${await freePort()}`;
    const client = connect([dead, anvil.url], { retries: 0, timeoutMs: 500 });
    const found = await finalUpTo(await begin({ client }), 4);
    expect(found.at(-1)?.to.number).toBeGreaterThanOrEqual(4);

    const problems: number[] = [];
    const lost = await begin({
      client: connect([dead], { retries: 0, timeoutMs: 200 }),
      onRetry: (_problem, tries) => problems.push(tries),
    });
    await expect(lost.next()).rejects.toMatchObject({ code: "RpcUnavailable" });
    expect(problems).toEqual([1, 2]);
  });
});
