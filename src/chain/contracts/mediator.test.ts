/** The life of an exchange, told by what is sent to the Mediator and what is read of it after. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Anvil, startAnvil } from "../../../test/support/chain/anvil.ts";
import { startHttpProxy } from "../../../test/support/faults/proxy.ts";
import { nobleCurve } from "../../base/curve.ts";
import { type Address, type Hex, hexToBytes } from "../../base/hex.ts";
import type { ChainLog } from "../../protocol/chainLog.ts";
import { hashFill, hashOrder, orderHash } from "../../protocol/messages.ts";
import { firstBlockOf, momentOf } from "../../protocol/rounds.ts";
import { signMessage } from "../../protocol/signatures.ts";
import { rootCommitment, SumTree } from "../../protocol/sumTree.ts";
import type {
  Amount,
  Fill,
  Order,
  Quarter,
  Schedule,
  SignedFill,
  SignedOrder,
} from "../../protocol/units.ts";
import { follow, readBlockRef } from "../follow/follow.ts";
import {
  readClosings,
  readDeposits,
  readDepositsBetween,
  readDisputeRounds,
} from "../follow/pastEvents.ts";
import { connect } from "../rpc/rpc.ts";
import { localSigner } from "../signer.ts";
import { Submitter } from "../submit/submitter.ts";
import { type DeployedExchange, deployExchange } from "./deploy.ts";
import { readClaimableBonds, readTradingKey } from "./mediator.testkit.ts";
import { MediatorReader } from "./mediator.ts";
import {
  encodeCancelWithdrawal,
  encodeClaimBonds,
  encodeCloseDispute,
  encodeCommit,
  encodeConfirmWithdrawal,
  encodeDeposit,
  encodeInitiateWithdrawal,
  encodeOpenDispute,
  encodeProveExecutions,
  encodeRecoverBalance,
  encodeRecoverDeposits,
  encodeRedirectWithdrawal,
  encodeRefundBond,
  encodeRefundWithdrawalBond,
  encodeSetTradingKey,
} from "./mediatorCalls.ts";
import { encodeApprove, encodeMint, readAllowance, readTokenBalance } from "./tokens.ts";

const BOND = 5n;
const WITHDRAWAL_BOND = 7n;
const OWNER = 0;
const OPERATOR = 1;
const ADA = 2;
const BOB = 3;

const proxies: { stop(): void }[] = [];
let anvil: Anvil;
let exchange: DeployedExchange;
let reader: MediatorReader;
let schedule: Schedule;
let ada: Address;
let bob: Address;
let operator: Address;
let weth: Address;
let usdc: Address;

beforeAll(async () => {
  anvil = await startAnvil({ chainId: 4711 });
  [, operator, ada, bob] = anvil.addresses as [Address, Address, Address, Address];
  exchange = await deployExchange({
    client: anvil.client,
    owner: localSigner(anvil.keys[OWNER] as Hex),
    operator: { address: operator, name: "North", uri: "https://north.example" },
    roundSize: 80,
    disputeBond: BOND,
    withdrawalBond: WITHDRAWAL_BOND,
    tokens: [
      { name: "Wrapped Ether", symbol: "WETH", decimals: 18 },
      { name: "Dollar", symbol: "USDC", decimals: 6 },
    ],
  });
  [weth, usdc] = exchange.tokens as [Address, Address];
  reader = new MediatorReader(anvil.client, exchange.mediator);
  schedule = (await reader.constants()).schedule;
});
afterAll(() => {
  for (const proxy of proxies) proxy.stop();
  return anvil.stop();
});

/** An endpoint that gives each part of the answers to `method` changed. */
async function changed(method: string, change: (part: object) => object): Promise<string> {
  const proxy = await startHttpProxy(anvil.url, async (call, forward) => {
    const { result } = await forward();
    return { result: call.method === method ? (result as object[]).map(change) : result };
  });
  proxies.push(proxy);
  return proxy.url;
}

async function send(who: number, data: Hex, to = exchange.mediator, value = 0n) {
  const submitter = new Submitter({
    client: anvil.client,
    signer: localSigner(anvil.keys[who] as Hex),
    chainId: anvil.chainId,
    maxFeePerGas: 10n ** 12n,
    pollMs: 5,
  });
  return submitter.send({ what: "a step of the story", to, data, value });
}

/** With the bond that it takes. */
function askWithBond(who: number, data: Hex) {
  return send(who, data, exchange.mediator, WITHDRAWAL_BOND);
}

async function deposit(who: number, token: Address, amount: Amount): Promise<void> {
  await send(who, encodeMint(anvil.addresses[who] as Address, amount), token);
  await send(who, encodeApprove(exchange.mediator, amount), token);
  await send(who, encodeDeposit(token, amount));
}

/** The next transaction is mined in that quarter. */
function to(round: number, quarter: Quarter): Promise<void> {
  return anvil.mineTo(firstBlockOf(schedule, round, quarter));
}

/** Both tokens' trees: leaf 0 is Ada's, leaf 1 Bob's. */
function treesOf(balances: { weth: [Amount, Amount]; usdc: [Amount, Amount] }) {
  const build = ([ofAda, ofBob]: [Amount, Amount]) =>
    SumTree.build([
      { client: ada, balance: ofAda },
      { client: bob, balance: ofBob },
    ]);
  return { weth: build(balances.weth), usdc: build(balances.usdc) };
}

const afterRound0 = () => treesOf({ weth: [100n, 0n], usdc: [0n, 50n] });
const afterRound1 = () => treesOf({ weth: [90n, 10n], usdc: [20n, 30n] });
/** Ada has asked for 40 of her 90 in round 2. */
const afterRound2 = () => treesOf({ weth: [50n, 10n], usdc: [20n, 30n] });

function commit(trees: ReturnType<typeof treesOf>) {
  const roots = [
    { token: weth, ...trees.weth.root() },
    { token: usdc, ...trees.usdc.root() },
  ];
  return send(OPERATOR, encodeCommit(roots));
}

const domain = () => ({ chainId: anvil.chainId, mediator: exchange.mediator });
const keyOf = (who: number) => hexToBytes(anvil.keys[who] as Hex);

function signedOrder(who: number, terms: Omit<Order, "owner" | "round">): SignedOrder {
  const order: Order = { owner: anvil.addresses[who] as Address, round: 1, ...terms };
  return { order, signature: signMessage(nobleCurve, domain(), hashOrder(order), keyOf(who)) };
}

const adaSells = () =>
  signedOrder(ADA, {
    id: 7n,
    sellToken: weth,
    sellAmount: 10n,
    buyToken: usdc,
    buyAmount: 20n,
    intent: "sellAll",
  });
const bobSells = () =>
  signedOrder(BOB, {
    id: 2n ** 64n - 1n,
    sellToken: usdc,
    sellAmount: 20n,
    buyToken: weth,
    buyAmount: 10n,
    intent: "buyAll",
  });

function adasFill(): SignedFill {
  const { order } = adaSells();
  const amounts = { sold: 10n, bought: 20n, sequence: 1n };
  const fill: Fill = { orderHash: orderHash(order), owner: ada, round: 1, ...amounts };
  return { fill, signature: signMessage(nobleCurve, domain(), hashFill(fill), keyOf(OPERATOR)) };
}

describe("a new Mediator", () => {
  it("a new Mediator shows the exchange with its tokens", async () => {
    const genesisBlock = schedule.genesisBlock;
    expect(genesisBlock).toBeGreaterThan(0);
    expect(await reader.exchange()).toEqual({
      domain: { chainId: 4711, mediator: exchange.mediator },
      manager: exchange.manager,
      schedule: { genesisBlock, roundSize: 80 },
      disputeBond: BOND,
      withdrawalBond: WITHDRAWAL_BOND,
      tokens: [
        { token: weth, symbol: "WETH", decimals: 18, listedRound: 0 },
        { token: usdc, symbol: "USDC", decimals: 6, listedRound: 0 },
      ],
    });
  });

  it("a new Mediator shows who operates", async () => {
    const { manager } = exchange;
    const north = { address: operator, name: "North", uri: "https://north.example" };
    expect(await reader.operator(manager)).toEqual(north);
    expect(await reader.isRegistered(manager, operator)).toBe(true);
    expect(await reader.isRegistered(manager, ada)).toBe(false);
    expect(await reader.commitQuorum(manager)).toBe(1);
    const block = await anvil.blockNumber();
    expect(await reader.wasOperator(manager, operator, block, block)).toBe(true);
    expect(await reader.wasOperator(manager, operator, 0, 0)).toBe(false);
  });

  it("a new Mediator shows undefined where there is nothing", async () => {
    expect(await reader.commitment(1, weth)).toBeUndefined();
    expect(await reader.withdrawal(ada, weth)).toBeUndefined();
    expect(await reader.dispute(ada, 1)).toBeUndefined();
    expect(await reader.isDisputeOpen(ada, 1)).toBe(false);
    expect(await reader.presentedFill(ada, 1, orderHash(adaSells().order))).toBeUndefined();
    expect(await readTradingKey(reader, ada, 1)).toBeUndefined();
    await expect(reader.listedRound(ada)).rejects.toMatchObject({
      code: "ContractRefused",
      errorName: "TokenNotListed",
      args: [ada],
    });
  });
});

describe("a running Mediator", () => {
  it("a running Mediator takes deposits and trading keys", async () => {
    await deposit(ADA, weth, 100n);
    await deposit(BOB, usdc, 50n);
    const key = anvil.addresses[9] as Address;
    await send(ADA, encodeSetTradingKey(key));
    expect(await reader.clientFlow(ada, weth, 0)).toEqual({ deposits: 100n, requested: 0n });
    expect(await reader.flow(usdc, 0)).toEqual({ deposits: 50n, requested: 0n });
    expect(await readTradingKey(reader, ada, 0)).toBeUndefined();
    expect(await readTradingKey(reader, ada, 1)).toBe(key);
    expect(await readAllowance(anvil.client, weth, ada, exchange.mediator)).toBe(0n);
    expect(await readTokenBalance(anvil.client, weth, exchange.mediator)).toBe(100n);
    expect(await readDeposits(reader, ada, 0)).toEqual([{ token: weth, round: 0, amount: 100n }]);
  });

  it("a deposit given in no block, or in one out of range, is refused", async () => {
    const { number } = await anvil.client.getBlock({ blockTag: "latest" });
    const given = await readDepositsBetween(reader, ada, 0, Number(number));
    expect(given.map(({ amount }) => amount)).toEqual([100n]);
    for (const blockNumber of [null, "0xfffff"]) {
      const url = await changed("eth_getLogs", (log: object) => ({ ...log, blockNumber }));
      const other = new MediatorReader(connect([url], { chainId: 4711 }), exchange.mediator);
      const message = expect.stringContaining(`The logs of ${url} are incomplete`);
      const refused = expect.objectContaining({ code: "LogsRefused", message });
      await expect(readDepositsBetween(other, ada, 0, Number(number))).rejects.toEqual(refused);
      await expect(readDeposits(other, ada, 0)).rejects.toEqual(refused);
      const both = connect([url, anvil.url], { chainId: 4711 });
      const helped = new MediatorReader(both, exchange.mediator);
      expect(await readDepositsBetween(helped, ada, 0, Number(number))).toEqual(given);
    }
  });

  it("a running Mediator takes a commit of what is left of the deposits", async () => {
    await to(1, 0);
    expect(await reader.tokenSet(0)).toEqual([]);
    expect(await reader.tokenSet(1)).toEqual([weth, usdc]);
    expect(await reader.expectedTotal(weth)).toBe(100n);
    await commit(afterRound0());
    expect(await reader.commitment(1, weth)).toBe(rootCommitment(afterRound0().weth.root()));
    const { block, ...clock } = await reader.clock();
    expect(momentOf(schedule, block)).toMatchObject({ round: 1, quarter: 0 });
    const haltBlock = firstBlockOf(schedule, 2, 1);
    expect(clock).toEqual({ round: 1, quarter: 0, halted: false, haltBlock, committedRound: 1 });
  });

  it("a client opens a dispute with proofs and fills", async () => {
    await to(2, 0);
    await commit(afterRound1());
    const trees = afterRound0();
    const proofs = [trees.weth.prove(0), trees.usdc.prove(0)];
    const data = encodeOpenDispute(ada, { kind: "proofs", proofs }, [adasFill()]);
    const { block } = await send(ADA, data, exchange.mediator, BOND);
    const dispute = { openedBlock: block, open: true, presented: 1 };
    expect(await reader.dispute(ada, 2)).toEqual(dispute);
    const { fill } = adasFill();
    const amounts = { sold: 10n, bought: 20n };
    expect(await reader.presentedFill(ada, 2, fill.orderHash)).toEqual(amounts);
    expect(await readDisputeRounds(reader, ada, 0)).toEqual([2]);
    expect(await readClosings(reader, ada, 2, 0)).toBeUndefined();
  });

  it("the operator closes the dispute with executions and proofs", async () => {
    const executed = { ...adaSells(), sold: 10n, bought: 20n };
    await send(OPERATOR, encodeProveExecutions(ada, 2, false, [executed]));
    const progress = { covered: 1, orders: 1, lastId: 7n };
    expect(await reader.accumulation(ada, 2, operator)).toEqual(progress);
    const trees = afterRound1();
    const closings = [trees.weth.prove(0), trees.usdc.prove(0)];
    const answer = { executions: [], openingBalances: [100n, 0n], openings: [], closings };
    await send(OPERATOR, encodeCloseDispute(ada, 2, answer));
    expect(await reader.dispute(ada, 2)).toMatchObject({ open: false, presented: 1 });
    expect(await readClosings(reader, ada, 2, 0)).toEqual(closings);
    expect(await readClaimableBonds(reader, operator)).toBe(BOND);
    const to = anvil.addresses[8] as Address;
    const before = await anvil.client.getBalance({ address: to });
    await send(OPERATOR, encodeClaimBonds(to));
    expect(await anvil.client.getBalance({ address: to })).toBe(before + BOND);
    expect(await readClaimableBonds(reader, operator)).toBe(0n);
  });

  it("a running Mediator takes withdrawal requests, and one too large is cancelled", async () => {
    const trees = afterRound0();
    const recipient = anvil.addresses[7] as Address;
    await askWithBond(ADA, encodeInitiateWithdrawal(weth, 40n, recipient, trees.weth.prove(0)));
    await askWithBond(BOB, encodeInitiateWithdrawal(usdc, 50n, bob, trees.usdc.prove(1)));
    const request = { round: 2, amount: 40n, opening: 100n, recipient };
    expect(await reader.withdrawal(ada, weth)).toEqual(request);
    await send(OPERATOR, encodeCancelWithdrawal(bob, usdc, [bobSells()]));
    expect(await reader.withdrawal(bob, usdc)).toBeUndefined();
    expect(await readClaimableBonds(reader, operator)).toBe(WITHDRAWAL_BOND);
    expect(await reader.clientFlow(ada, weth, 2)).toEqual({ deposits: 0n, requested: 40n });
  });

  it("a running Mediator pays a request that was not cancelled", async () => {
    await to(3, 0);
    expect(await reader.expectedTotal(weth)).toBe(60n);
    await commit(afterRound2());
    await to(4, 0);
    await commit(afterRound2());
    await to(4, 1);
    const other = anvil.addresses[8] as Address;
    await send(ADA, encodeRedirectWithdrawal(weth, other));
    expect((await reader.withdrawal(ada, weth))?.recipient).toBe(other);
    const before = await anvil.client.getBalance({ address: ada });
    await send(BOB, encodeConfirmWithdrawal(ada, weth));
    expect(await readTokenBalance(anvil.client, weth, other)).toBe(40n);
    expect(await anvil.client.getBalance({ address: ada })).toBe(before + WITHDRAWAL_BOND);
  });
});

describe("a HALTED Mediator", () => {
  it("a HALTED Mediator says so, and gives everybody what is theirs", async () => {
    await deposit(BOB, usdc, 5n);
    await askWithBond(BOB, encodeInitiateWithdrawal(weth, 1n, bob, afterRound2().weth.prove(1)));
    const standing = { kind: "deposit", token: weth, round: 0 } as const;
    await send(ADA, encodeOpenDispute(ada, standing, []), exchange.mediator, BOND);
    // Nobody commits in round 5.
    await anvil.mineTo(firstBlockOf(schedule, 6, 2));
    const haltBlock = firstBlockOf(schedule, 5, 1);
    const clock = await reader.clock();
    expect(clock).toMatchObject({ round: 5, halted: true, haltBlock, committedRound: 4 });

    const trees = afterRound2();
    await send(OWNER, encodeRecoverBalance(ada, weth, trees.weth.prove(0)));
    expect(await readTokenBalance(anvil.client, weth, ada)).toBe(50n);
    expect(await reader.recovered(ada, weth)).toEqual({ balance: 50n, deposits: false });
    await send(OWNER, encodeRecoverDeposits(bob, usdc));
    expect(await readTokenBalance(anvil.client, usdc, bob)).toBe(5n);
    const before = await anvil.client.getBalance({ address: ada });
    await send(OWNER, encodeRefundBond(ada, 4));
    expect(await anvil.client.getBalance({ address: ada })).toBe(before + BOND);
    const bobHad = await anvil.client.getBalance({ address: bob });
    await send(OWNER, encodeRefundWithdrawalBond(bob, weth));
    expect(await anvil.client.getBalance({ address: bob })).toBe(bobHad + WITHDRAWAL_BOND);
    expect(await reader.withdrawal(bob, weth)).toBeUndefined();
  });
});

describe("the Mediator's logs", () => {
  it("the Mediator's logs are decoded in their order, with every field", async () => {
    const logs = await allLogs();
    const told = logs.map(({ block, blockHash, logIndex, transactionHash, ...said }) => said);
    const zeroDispute = { client: ada, opener: ada };
    const root = (round: number, trees: ReturnType<typeof treesOf>) => [
      { kind: "committed", round, token: weth, ...trees.weth.root() },
      { kind: "committed", round, token: usdc, ...trees.usdc.root() },
    ];
    const [recipient, other] = anvil.addresses.slice(7);
    const asked = { client: ada, token: weth, amount: 40n, recipient, round: 2 };
    const late = { client: bob, token: weth, amount: 1n, opening: 10n, recipient: bob, round: 4 };
    const overdrawn = { client: bob, token: usdc, amount: 50n, round: 2 };
    const presented = { openingsPresented: true, mustProveOpenings: false, presented: 1 };
    const absent = { openingsPresented: false, mustProveOpenings: true, presented: 0 };
    expect(told).toEqual([
      { kind: "tokenListed", token: weth, round: 0 },
      { kind: "tokenListed", token: usdc, round: 0 },
      { kind: "deposited", client: ada, token: weth, amount: 100n, round: 0 },
      { kind: "deposited", client: bob, token: usdc, amount: 50n, round: 0 },
      { kind: "tradingKeySet", client: ada, fromRound: 1, key: anvil.addresses[9] },
      ...root(1, afterRound0()),
      ...root(2, afterRound1()),
      { kind: "disputeOpened", round: 2, ...zeroDispute, ...presented },
      { kind: "disputeClosed", round: 2, client: ada, operator },
      { kind: "withdrawalInitiated", ...asked, opening: 100n },
      { kind: "withdrawalInitiated", ...overdrawn, opening: 50n, recipient: bob },
      { kind: "withdrawalCancelled", ...overdrawn },
      ...root(3, afterRound2()),
      ...root(4, afterRound2()),
      { kind: "withdrawalConfirmed", ...asked, recipient: other },
      { kind: "deposited", client: bob, token: usdc, amount: 5n, round: 4 },
      { kind: "withdrawalInitiated", ...late },
      { kind: "disputeOpened", round: 4, ...zeroDispute, ...absent },
    ]);
  });

  it("the Mediator's logs say where they stand", async () => {
    for (const log of await allLogs()) {
      const receipt = await anvil.client.getTransactionReceipt({ hash: log.transactionHash });
      expect(receipt.blockHash).toBe(log.blockHash);
      expect(Number(receipt.blockNumber)).toBe(log.block);
      expect(receipt.logs.map(({ logIndex }) => logIndex)).toContain(log.logIndex);
    }
  });
});

async function allLogs(): Promise<ChainLog[]> {
  const stop = new AbortController();
  const head = await anvil.blockNumber();
  const events = follow({
    client: connect([anvil.url], { retries: 0 }),
    mediator: exchange.mediator,
    confirmations: 0,
    after: await readBlockRef(anvil.client, 0),
    pollMs: 5,
    maxTries: 3,
    signal: stop.signal,
  });
  const logs: ChainLog[] = [];
  for await (const event of events) {
    if (event.kind !== "final") continue;
    logs.push(...event.logs);
    if (event.to.number >= head) break;
  }
  return logs;
}
