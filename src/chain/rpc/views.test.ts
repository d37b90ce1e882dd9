/** Views of contracts where one endpoint of two says what the contract does not. */
import { expect, onTestFinished, test } from "vitest";
import { startDeployedExchange } from "../../../test/support/exchange/deployedExchange.ts";
import { type Meddle, startHttpProxy } from "../../../test/support/faults/proxy.ts";
import { MediatorReader } from "../contracts/mediator.ts";
import { SlotReader } from "../contracts/roundRobinManager.ts";
import { connect } from "./rpc.ts";

const refuse = (code: number, message: string) => ({ error: { code, message } });

/** A reader behind an endpoint that meddles with views, and a true one. */
async function beside(meddle: Meddle) {
  const { anvil, exchange } = await startDeployedExchange();
  onTestFinished(() => anvil.stop());
  const false_ = await startHttpProxy(anvil.url, async (call, forward) =>
    call.method === "eth_call" ? meddle(call, forward) : forward(),
  );
  onTestFinished(() => false_.stop());
  const failures: string[] = [];
  const onFailure = (origin: string, problem: string) => failures.push(`${origin} ${problem}`);
  const client = connect([false_.url, anvil.url], { retries: 0, onFailure });
  const lone = connect([false_.url], { retries: 0 });
  return { client, lone, exchange, failures, url: false_.url };
}

test.each([
  ["refuses", async () => refuse(3, "execution reverted")],
  ["refuses", async () => refuse(-32000, "nonce too low")],
  ["garbles", async () => ({ result: "0x01" })],
  ["garbles", async () => ({ result: "0x" })],
] satisfies [string, Meddle][])(
  "a view that one endpoint %s is read from another",
  async (how, meddle) => {
    const { client, lone, exchange, failures, url } = await beside(meddle);
    const round = await new MediatorReader(client, exchange.mediator).committedRound();
    expect(round).toBe(0);
    await expect
      .poll(() => failures)
      .toEqual([`${url} it ${how} committedRound, which another endpoint answers`]);
    await expect(new MediatorReader(lone, exchange.mediator).committedRound()).rejects.toThrow();
  },
);

test("a view that every endpoint refuses is refused, and nobody is blamed", async () => {
  const { client, exchange, failures } = await beside(async (_call, forward) => forward());
  expect(await new SlotReader(client, exchange.mediator).hasSlots()).toBe(false);
  expect(failures).toEqual([]);
});

test("words about width count where logs are read, and nowhere else", async () => {
  const tooWide = async () => refuse(-32005, "query returned more than 10000 results");
  const { client, exchange, failures } = await beside(tooWide);
  expect(await new MediatorReader(client, exchange.mediator).committedRound()).toBe(0);
  await expect.poll(() => failures).toHaveLength(1);
});
