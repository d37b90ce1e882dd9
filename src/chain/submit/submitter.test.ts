import { describe, expect, it, onTestFinished } from "vitest";
import { until } from "../../../test/support/exchange/exchange.ts";
import { type Meddle, startHttpProxy } from "../../../test/support/faults/proxy.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { firstBlockOf } from "../../protocol/rounds.ts";
import { MediatorReader } from "../contracts/mediator.ts";
import { encodeCommit, encodeDeposit, encodeRecoverDeposits } from "../contracts/mediatorCalls.ts";
import { encodeApprove } from "../contracts/tokens.ts";
import { connect } from "../rpc/rpc.ts";
import {
  anvil,
  events,
  exchange,
  foreignTransaction,
  mineWhile,
  mint,
  minted,
  nonceOf,
  owner,
  pause,
  sentAtLeast,
  submitter,
  useChain,
} from "./submit.testkit.ts";
import type { SubmitterEvent } from "./submitter.ts";

useChain();

describe("the submitter", () => {
  it("the submitter sends each call of one key once, whoever asks at once", async () => {
    const one = submitter();
    const mined = await Promise.all([one.send(mint(1n)), one.send(mint(2n)), one.send(mint(4n))]);
    const blocks = mined.map(({ block }) => block);
    expect(blocks).toEqual(blocks.toSorted((a, b) => a - b));
    expect(new Set(mined.map(({ transactionHash }) => transactionHash)).size).toBe(3);
    expect(await minted()).toBe(7n);
  });

  it("the submitter does not send what the contract refuses, and names the error", async () => {
    const before = await anvil.client.getTransactionCount({ address: anvil.addresses[3] as Hex });
    const data = encodeDeposit(anvil.addresses[5] as Address, 1n);
    const call = { what: "deposit", to: exchange.mediator, data };
    await expect(submitter().send(call)).rejects.toMatchObject({
      code: "ContractRefused",
      errorName: "TokenNotListed",
      args: [anvil.addresses[5]],
    });
    const roots = { what: "commit", to: exchange.mediator, data: encodeCommit([]) };
    await expect(submitter().send(roots)).rejects.toMatchObject({ errorName: "OutsideWindow" });
    const after = await anvil.client.getTransactionCount({ address: anvil.addresses[3] as Hex });
    expect(after).toBe(before);
  });

  it("the submitter replaces a stuck transaction at a higher fee with the same nonce", async () => {
    await anvil.rpc("evm_setAutomine", [false]);
    const sending = submitter({ pollsBeforeReplacement: 4 }).send(mint(3n));
    while (events.filter((event) => event === "replaced").length < 2) await pause();
    await anvil.mine();
    await sending;
    expect(await minted()).toBe(3n);
    const address = anvil.addresses[3] as Hex;
    expect(await anvil.client.getTransactionCount({ address })).toBe(1);
  });

  it("the submitter takes over the nonce of a transaction that a former process left", async () => {
    await anvil.rpc("evm_setAutomine", [false]);
    const stopped = new AbortController();
    const left = submitter({ signal: stopped.signal }).send(mint(100n));
    while (events.length === 0) await pause();
    stopped.abort();
    await expect(left).rejects.toMatchObject({ code: "TransactionLost" });
    const sending = submitter({ pollsBeforeReplacement: 4 }).send(mint(5n));
    while (!events.includes("replaced")) await pause();
    await anvil.mine();
    await sending;
    // One of both was mined, and the line is free again.
    expect(await minted()).toBe(5n);
  });

  it("the submitter sends again what ran out of gas because a round began under it", async () => {
    const [token] = exchange.tokens as [Address];
    const one = submitter();
    await one.send(mint(10n));
    const approved = encodeApprove(exchange.mediator, 10n);
    await one.send({ what: "approval", to: token, data: approved });
    const deposit = { what: "deposit", to: exchange.mediator, data: encodeDeposit(token, 1n) };
    await one.send(deposit);
    // Estimated in round 0, whose words of storage are there, and mined in round 1.
    const { schedule } = await new MediatorReader(anvil.client, exchange.mediator).constants();
    await anvil.mineTo(firstBlockOf(schedule, 1) - 1);
    await one.send(deposit);
    expect(await minted()).toBe(8n);
  });

  it("the submitter sends what the next block allows, and not a block earlier", async () => {
    const [token] = exchange.tokens as [Address];
    const { mediator } = exchange;
    const one = submitter();
    await one.send(mint(10n));
    await one.send({ what: "approval", to: token, data: encodeApprove(mediator, 10n) });
    await one.send({ what: "deposit", to: mediator, data: encodeDeposit(token, 10n) });
    // Nobody commits: it is halted from the first block of quarter 1 on.
    const { schedule } = await new MediatorReader(anvil.client, mediator).constants();
    const halt = firstBlockOf(schedule, 1, 1);
    const data = encodeRecoverDeposits(owner(), token);
    const recovery = { what: "recovery", to: mediator, data };
    await anvil.mineTo(halt - 2);
    await expect(one.send(recovery)).rejects.toMatchObject({ errorName: "NotHalted" });
    expect(await nonceOf()).toBe(3);
    await anvil.mineTo(halt - 1);
    expect((await one.send(recovery)).block).toBe(halt);
    expect(await minted()).toBe(10n);
  });

  it("the submitter gives up once the deadline is past", async () => {
    await anvil.rpc("evm_setAutomine", [false]);
    const deadlineBlock = (await anvil.blockNumber()) + 1;
    const low = submitter({ pollsBeforeReplacement: 3, maxFeePerGas: 1n });
    await anvil.rpc("anvil_setNextBlockBaseFeePerGas", ["0x3b9aca00"]);
    const sending = low.send({ ...mint(1n), deadlineBlock });
    const outcome = expect(sending).rejects.toMatchObject({ code: "DeadlineMissed" });
    await anvil.mine(3);
    await outcome;
    expect(await minted()).toBe(0n);
  });
});

describe("several calls", () => {
  it("calls go by what is due first, those alike by priority, and then by arrival", async () => {
    await anvil.setAutomine(false);
    const one = submitter();
    const done: bigint[] = [];
    const send = (amount: bigint, priority: number, deadlineBlock = 10_000) =>
      one.send({ ...mint(amount), priority, deadlineBlock }).then(() => done.push(amount));
    const first = [send(9n, 9), send(1n, 0)];
    const alike = [send(5n, 2), send(6n, 2), send(4n, 2, 9_000)];
    await mineWhile(Promise.all([...first, ...alike, send(7n, 3)]));
    expect(done).toEqual([9n, 4n, 7n, 5n, 6n, 1n]);
    expect(await nonceOf()).toBe(6);
  });

  it("calls give way to a more urgent one that comes while they wait, and follow it", async () => {
    await anvil.setAutomine(false);
    const one = submitter();
    const claim = one.send(mint(1n));
    await sentAtLeast(1);
    const urgent = one.send({ ...mint(8n), priority: 3 });
    await sentAtLeast(2);
    expect(events).toContain("preempted");
    await anvil.mine();
    const first = await urgent;
    const second = await mineWhile(claim);
    expect(first.block).toBeLessThan(second.block);
    expect([await minted(), await nonceOf()]).toEqual([9n, 2]);
  });

  it("calls are each mined once, also if the one that gave way is mined first", async () => {
    await anvil.setAutomine(false);
    let sends = 0;
    const proxy = await startHttpProxy(anvil.url, async ({ method }, forward) => {
      // The urgent one gets lost on its way.
      if (method === "eth_sendRawTransaction" && ++sends === 2)
        return { result: `0x${"1".repeat(64)}` };
      return forward();
    });
    const one = submitter({ client: connect([proxy.url]) });
    const claim = one.send(mint(1n));
    await sentAtLeast(1);
    const urgent = one.send({ ...mint(8n), priority: 3 });
    await sentAtLeast(2);
    await anvil.mine();
    const first = await claim;
    const second = await mineWhile(urgent);
    proxy.stop();
    expect(first.block).toBeLessThan(second.block);
    expect([await minted(), await nonceOf()]).toEqual([9n, 2]);
  });

  it("calls do not hinder each other when one is refused", async () => {
    await anvil.setAutomine(false);
    const one = submitter();
    const claim = one.send(mint(1n));
    await sentAtLeast(1);
    const bad = { what: "commit", to: exchange.mediator, data: encodeCommit([]), priority: 3 };
    await expect(one.send(bad)).rejects.toMatchObject({ errorName: "OutsideWindow" });
    await mineWhile(claim);
    expect([await minted(), await nonceOf()]).toEqual([1n, 1]);
  });
});

describe("transactions of our key that we did not send", () => {
  /** Sends, mines one block once ours pays more than `gwei` as a tip, and waits for it. */
  async function sendAbove(gwei: bigint, amount: bigint): Promise<SubmitterEvent[]> {
    const told: SubmitterEvent[] = [];
    const sending = submitter({ onEvent: (event) => told.push(event) }).send(mint(amount));
    await until("ours is the dearest", () => told.some((event) => tipOf(event) > gwei * GWEI));
    await anvil.mine();
    await sending;
    return told;
  }

  const GWEI = 10n ** 9n;
  const tipOf = (event: SubmitterEvent) =>
    event.kind === "sent" || event.kind === "replaced" ? event.fees.maxPriorityFeePerGas : 0n;

  it("foreign transactions on our nonce are replaced by fee: no duty is done twice", async () => {
    await anvil.setAutomine(false);
    await foreignTransaction(0, 100n, 90n);
    const told = await sendAbove(100n, 5n);
    expect(told[0]).toMatchObject({ kind: "unknownPending", firstNonce: 0, lastNonce: 0 });
    expect([await minted(), await nonceOf()]).toEqual([5n, 1]);
  });

  it("foreign transactions are named by nonce with a hint, those after a gap later", async () => {
    await anvil.setAutomine(false);
    for (const nonce of [0, 1, 2, 5]) await foreignTransaction(nonce, 100n, 3n);
    const [first] = await sendAbove(4n, 1n);
    expect(first).toMatchObject({ kind: "unknownPending", firstNonce: 0, lastNonce: 2 });
    expect(JSON.stringify(first)).toContain("needs one of its own");
    expect([await minted(), await nonceOf()]).toEqual([201n, 3]);
    expect((await sendAbove(0n, 2n))[0]).toMatchObject({ kind: "sent", nonce: 3 });
    await sendAbove(0n, 4n);
    // What waited behind the gap went along with what filled it, or is outbid now.
    const left = 6 - (await nonceOf());
    if (left > 0) {
      const [late] = await sendAbove(4n, 8n);
      expect(late).toMatchObject({ kind: "unknownPending", firstNonce: 5, lastNonce: 5 });
    }
    expect([await minted(), await nonceOf()]).toEqual([left > 0 ? 215n : 307n, 6]);
  });

  it("foreign transactions that take our nonce make ours lost, which has a hint", async () => {
    await anvil.setAutomine(false);
    const sending = submitter().send(mint(5n));
    await sentAtLeast(1);
    await foreignTransaction(0, 100n, 500n);
    await anvil.mine();
    await expect(sending).rejects.toMatchObject({ code: "TransactionLost" });
    await expect(sending).rejects.toThrow(/nonce 0 of 0x.*another program sends with this key/);
    expect(await minted()).toBe(100n);
  });
});

describe("an endpoint", () => {
  it("an endpoint that lags is asked of no block before that of a lost call", async () => {
    let isLagging = false;
    const trials: unknown[] = [];
    const proxy = await startHttpProxy(anvil.url, async ({ method, params }, forward) => {
      if (method === "eth_getTransactionReceipt" && !isLagging) return { result: null };
      if (method === "eth_blockNumber" && isLagging) return { result: "0x1" };
      if (method === "eth_estimateGas") trials.push(params[1]);
      return forward();
    });
    onTestFinished(() => proxy.stop());
    const one = submitter({ client: connect([proxy.url]) });
    await expect(one.send(mint(5n))).rejects.toMatchObject({ code: "TransactionLost" });
    const block = await anvil.blockNumber();
    isLagging = true;
    await one.send(mint(2n));
    expect(trials.at(-1)).toBe(`0x${block.toString(16)}`);
  });

  it("an endpoint that keeps a transaction to itself does not hold it up: all get it", async () => {
    const miser = await startHttpProxy(anvil.url, async ({ method }, forward) =>
      method === "eth_sendRawTransaction" ? { result: `0x${"1".repeat(64)}` } : forward(),
    );
    await submitter({ client: connect([miser.url, anvil.url]) }).send(mint(5n));
    miser.stop();
    expect(await minted()).toBe(5n);
  });

  it("an endpoint that lags does not have the submitter repeat what it did", async () => {
    const [token] = exchange.tokens as [Address];
    const proxy = await startHttpProxy(anvil.url);
    const one = submitter({ client: connect([proxy.url, anvil.url]) });
    await one.send(mint(10n));
    const approval = encodeApprove(exchange.mediator, 5n);
    await one.send({ what: "approval", to: token, data: approval });
    const before = await anvil.blockNumber();
    const deposit = { what: "deposit", to: exchange.mediator, data: encodeDeposit(token, 5n) };
    await one.send(deposit);
    proxy.meddle = behind(before);
    await expect(one.send(deposit)).rejects.toMatchObject({
      errorName: "ERC20InsufficientAllowance",
    });
    proxy.stop();
    expect(await nonceOf()).toBe(3);
  });
});

/** Answers as a node whose newest block is `block`. */
function behind(block: number): Meddle {
  const newest = `0x${block.toString(16)}`;
  return async ({ method, params }, forward) => {
    if (method === "eth_blockNumber") return { result: newest };
    if (method !== "eth_estimateGas") return forward();
    const [call, at = "latest"] = params as [unknown, string?];
    if (Number(at) > block) return { error: { code: -32000, message: "header not found" } };
    const isNumber = !Number.isNaN(Number(at));
    return { result: await anvil.rpc(method, [call, isNumber ? at : newest]) };
  };
}

it("the submitter waits for pending transactions while no endpoint answers", async () => {
  await anvil.setAutomine(false);
  const proxy = await startHttpProxy(anvil.url);
  const client = connect([proxy.url], { retries: 0 });
  const sending = submitter({ client, pollsBeforeReplacement: 2 }).send(mint(5n));
  await sentAtLeast(1);
  proxy.meddle = async () => 503;
  await until("polls fail", () => events.filter((event) => event === "pollFailed").length > 5);
  await anvil.mine();
  proxy.meddle = (_call, forward) => forward();
  expect((await sending).block).toBe(await anvil.blockNumber());
  proxy.stop();
});

it("the submitter says each time anew that its key cannot pay, and pays once it can", async () => {
  const balance = (wei: bigint) =>
    anvil.rpc("anvil_setBalance", [owner(), `0x${wei.toString(16)}`]);
  await balance(0n);
  const one = submitter();
  for (let tries = 0; tries < 3; tries++) {
    const call = { ...mint(5n), deadlineBlock: 10_000 };
    await expect(one.send(call)).rejects.toMatchObject({ code: "InsufficientFunds" });
  }
  await balance(10n ** 18n);
  await one.send(mint(5n));
  expect([await minted(), await nonceOf()]).toEqual([5n, 1]);
});

describe("the fee limit", () => {
  it("the fee limit is warned of before it bites, with the figures", async () => {
    await anvil.setAutomine(false);
    for (let gwei = 20; gwei <= 60; gwei += 5) {
      await anvil.rpc("anvil_setNextBlockBaseFeePerGas", [hex(gwei * 1e9)]);
      await anvil.mine();
    }
    const told: SubmitterEvent[] = [];
    const cap = 100n * 10n ** 9n;
    const one = submitter({ maxFeePerGas: cap, onEvent: (event) => told.push(event) });
    const deadlineBlock = (await anvil.blockNumber()) + 30;
    const sending = one.send({ ...mint(5n), deadlineBlock });
    // Not before: fees fall with every block that is empty.
    await until("it is sent", () => told.some(({ kind }) => kind === "sent"));
    await mineWhile(sending);
    const [warning, sent] = told;
    expect(warning).toMatchObject({ kind: "feeCapNear", cap });
    expect(sent).toMatchObject({ kind: "sent" });
    if (warning?.kind !== "feeCapNear") throw new Error("the first event is no warning");
    expect(warning.needed).toBeGreaterThan(cap / 2n);
    expect(warning.needed).toBeLessThan(cap);
    expect(warning.forecast).toBeGreaterThan(cap);
    expect(warning.hint).toContain("maxFeePerGas");
  });

  it("the fee limit leaves calls without a deadline room for a fee bump", async () => {
    await anvil.setAutomine(false);
    const told: SubmitterEvent[] = [];
    const one = submitter({
      maxFeePerGas: 4n * 10n ** 9n,
      pollsBeforeReplacement: 1,
      onEvent: (event) => told.push(event),
    });
    const claim = one.send(mint(1n));
    await until("its limit is reached", () => told.some(({ kind }) => kind === "feeCapReached"));
    const deadlineBlock = (await anvil.blockNumber()) + 50;
    const urgent = one.send({ ...mint(8n), priority: 1, deadlineBlock });
    await until("it gives way", () => isPreempted(told));
    await anvil.mine();
    const first = await urgent;
    const second = await mineWhile(claim);
    expect(first.block).toBeLessThan(second.block);
  });

  const isPreempted = (told: SubmitterEvent[]) => told.some(({ kind }) => kind === "preempted");
  const hex = (value: number) => `0x${value.toString(16)}`;
});

it("the submitter sends nothing any more once it is told to stop", async () => {
  const stopped = new AbortController();
  stopped.abort();
  const sending = submitter({ signal: stopped.signal }).send(mint(1n));
  await expect(sending).rejects.toMatchObject({ code: "TransactionLost" });
  expect([await minted(), await nonceOf()]).toEqual([0n, 0]);
});
