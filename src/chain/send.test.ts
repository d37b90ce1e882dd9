import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Anvil, startAnvil } from "../../test/support/anvil.ts";
import type { Address, Hex } from "../base/hex.ts";
import { firstBlockOf } from "../protocol/rounds.ts";
import { encodeCommit, encodeDeposit } from "./calls.ts";
import { type DeployedExchange, deployExchange } from "./deploy.ts";
import { MediatorReader } from "./mediator.ts";
import { type Call, Submitter, type SubmitterOptions } from "./send.ts";
import { localSigner } from "./signer.ts";
import { encodeApprove, encodeMint, readTokenBalance } from "./tokens.ts";

let anvil: Anvil;
let exchange: DeployedExchange;
const events: string[] = [];
beforeEach(async () => {
  events.length = 0;
  anvil = await startAnvil();
  exchange = await deployExchange({
    client: anvil.client,
    owner: localSigner(anvil.keys[0] as Hex),
    operator: { address: anvil.addresses[1] as Address, name: "a", uri: "b" },
    roundSize: 400,
    disputeBond: 0n,
    tokens: [{ name: "T", symbol: "T", decimals: 18 }],
  });
});
afterEach(() => anvil.stop());

function submitter(changes: Partial<SubmitterOptions> = {}): Submitter {
  return new Submitter({
    client: anvil.client,
    signer: localSigner(anvil.keys[3] as Hex),
    chainId: 31337,
    maxFeePerGas: 10n ** 12n,
    pollMs: 5,
    onEvent: (event) => events.push(event),
    ...changes,
  });
}

function mint(amount: bigint): Call {
  const [token] = exchange.tokens as [Address];
  const data = encodeMint(anvil.addresses[3] as Address, amount);
  return { what: `mint of ${amount}`, to: token, data };
}

const minted = () =>
  readTokenBalance(anvil.client, exchange.tokens[0] as Address, anvil.addresses[3] as Address);

describe("the submitter", () => {
  it("sends calls of one key one after the other, whoever asks at once", async () => {
    const one = submitter();
    const mined = await Promise.all([one.send(mint(1n)), one.send(mint(2n)), one.send(mint(4n))]);
    expect(mined.map(({ block }) => block)).toEqual([...mined.map(({ block }) => block)].sort());
    expect(new Set(mined.map(({ transactionHash }) => transactionHash)).size).toBe(3);
    expect(await minted()).toBe(7n);
  });

  it("does not send what the contract refuses, and says why by the error's name", async () => {
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

  it("replaces a stuck transaction by a dearer one with the same nonce", async () => {
    await anvil.rpc("evm_setAutomine", [false]);
    const sending = submitter({ looksBeforeReplacing: 4 }).send(mint(3n));
    while (events.filter((event) => event === "replaced").length < 2) await pause();
    await anvil.mine();
    await sending;
    expect(await minted()).toBe(3n);
    const address = anvil.addresses[3] as Hex;
    expect(await anvil.client.getTransactionCount({ address })).toBe(1);
  });

  it("takes over the nonce of a transaction that a former process left unmined", async () => {
    await anvil.rpc("evm_setAutomine", [false]);
    const stopped = new AbortController();
    const left = submitter({ signal: stopped.signal }).send(mint(100n));
    while (events.length === 0) await pause();
    stopped.abort();
    await expect(left).rejects.toMatchObject({ code: "TransactionLost" });
    const sending = submitter({ looksBeforeReplacing: 4 }).send(mint(5n));
    while (!events.includes("replaced")) await pause();
    await anvil.mine();
    await sending;
    // One of both was mined, and the line is free again.
    expect(await minted()).toBe(5n);
  });

  it("sends again what ran out of gas because a round began under it", async () => {
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

  it("gives up once the deadline is past", async () => {
    await anvil.rpc("evm_setAutomine", [false]);
    const deadlineBlock = (await anvil.blockNumber()) + 1;
    const low = submitter({ looksBeforeReplacing: 3, maxFeePerGas: 1n });
    await anvil.rpc("anvil_setNextBlockBaseFeePerGas", ["0x3b9aca00"]);
    const sending = low.send({ ...mint(1n), deadlineBlock });
    const outcome = expect(sending).rejects.toMatchObject({ code: "DeadlineMissed" });
    await anvil.mine(3);
    await outcome;
    expect(await minted()).toBe(0n);
  });
});

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
