/**
 * Deposits that can be repeated: each carries a key behind its call's data, which the Mediator
 * ignores and everybody can read. A caller that does not know the fate of a deposit repeats it with
 * the same key; any process finds a deposit that is on chain, and does not send it again.
 */
import { formatDecimal } from "../base/decimal.ts";
import { QuarterdeckError, reasonOf } from "../base/errors.ts";
import { type Address, bytesToHex, type Hex } from "../base/hex.ts";
import { keccak256 } from "../base/keccak.ts";
import { sleep } from "../base/sleep.ts";
import type { ExchangeConstants, MediatorReader } from "../chain/contracts/mediator.ts";
import { encodeDeposit } from "../chain/contracts/mediatorCalls.ts";
import { encodeApprove, readAllowance, readTokenBalance } from "../chain/contracts/tokens.ts";
import type { BlockSpan } from "../chain/follow/headers.ts";
import { type DepositMade, readDepositsBetween, readInRanges } from "../chain/follow/pastEvents.ts";
import { ContractRefused, InsufficientFunds } from "../chain/rpc/errors.ts";
import { ask } from "../chain/rpc/rpc.ts";
import { spentBy } from "../chain/submit/receipts.ts";
import type { Mined } from "../chain/submit/submitter.ts";
import type { Amount, BlockNumber } from "../protocol/units.ts";
import type { Answer } from "../wire/routes/routes.ts";
import { BadArgument } from "./checks/badArgument.ts";
import type { TokenInfo } from "./orders.ts";
import type { TransactionSender } from "./signing/signer.ts";

/** A deposit that is on chain. */
export interface Deposited extends Mined {
  readonly token: Address;
  /** Base units. */
  readonly amount: Amount;
  /** Names it for `deposit`: with the same key it goes in once. */
  readonly key: string;
  /** True if the deposit was on chain before this call, by an earlier try. */
  readonly wasThere: boolean;
}

/** Whether a deposit was made is not known. Repeating it settles that, and it goes in once. */
export class DepositUnsettled extends QuarterdeckError {
  override readonly name = "DepositUnsettled";
  readonly key: string;

  constructor(what: string, key: string, cause: unknown) {
    super({
      code: "DepositUnsettled",
      message: `Whether the ${what} was made is not known: ${reasonOf(cause)}.`,
      hint: `Repeat the same deposit, here or anywhere with key "${key}": it goes in once.`,
      cause,
    });
    this.key = key;
  }
}

export interface DepositsOptions {
  readonly reader: MediatorReader;
  readonly constants: ExchangeConstants;
  readonly submitter: TransactionSender;
  readonly client: Address;
  readonly pollMs: number;
}

interface Asked {
  readonly token: TokenInfo;
  readonly units: Amount;
  readonly what: string;
  readonly key: string;
  /** First block that can hold an earlier try. */
  readonly fromBlock: BlockNumber;
}

/** Polls for a pending transaction before a repeated deposit gives up. */
const PENDING_POLLS = 60;
/** Blocks below the head from which a library-made key can be found. */
const MARGIN_BLOCKS = 64;
/** Blocks whose logs are read first. */
const FIRST_BLOCKS = 1000;

export class Deposits {
  readonly #options: DepositsOptions;
  /** Deposits whose outcome is not known, by token and amount. */
  readonly #unsettled = new Map<string, { key: string; fromBlock: BlockNumber }>();
  /** The last that was made, by token and amount: a reorganisation may undo it. */
  readonly #made = new Map<string, { readonly asked: Asked; readonly hash: Hex }>();
  /** Deposits under way, by key: a second call with the same key waits for the same one. */
  readonly #running = new Map<string, Promise<Deposited>>();

  constructor(options: DepositsOptions) {
    this.#options = options;
  }

  /**
   * Deposits `units` of `token`, approving first where need be. Without a `key`, a deposit of the
   * same token and amount whose outcome is not known is taken up again. Throws
   * `InsufficientTokens`, `DepositUnsettled`, `ContractRefused`, `InsufficientFunds`,
   * `RpcUnavailable`, or `BadArgument` for a key that names another deposit.
   */
  async deposit(token: TokenInfo, units: Amount, key?: string): Promise<Deposited> {
    const { constants, reader } = this.#options;
    const amount = formatDecimal(units, token.decimals);
    const name = `${token.token} ${units}`;
    const open = this.#unsettled.get(name);
    const what = `deposit of ${amount} ${token.symbol}`;
    if (key === undefined && open === undefined) {
      const undone = await this.#undone(name);
      if (undone !== undefined) return this.#once(undone, name, true);
      const head = Number(await ask("the head", () => reader.client.getBlockNumber()));
      const fromBlock = Math.max(constants.schedule.genesisBlock, head - MARGIN_BLOCKS);
      return this.#once({ token, units, what, key: randomKey(), fromBlock }, name, false);
    }
    const known = key === undefined || key === open?.key ? open : undefined;
    const fromBlock = known?.fromBlock ?? constants.schedule.genesisBlock;
    const used = key ?? (open?.key as string);
    return this.#once({ token, units, what, key: used, fromBlock }, name, true);
  }

  #once(asked: Asked, name: string, mayBeThere: boolean): Promise<Deposited> {
    const running = this.#running.get(asked.key);
    if (running !== undefined) return running;
    const promise = this.#settle(asked, name, mayBeThere);
    this.#running.set(asked.key, promise);
    const forget = () => this.#running.delete(asked.key);
    promise.then(forget, forget);
    return promise;
  }

  async #settle(asked: Asked, name: string, mayBeThere: boolean): Promise<Deposited> {
    const { key, what, fromBlock } = asked;
    let mayBeSent = mayBeThere;
    try {
      const found = mayBeThere ? await this.#find(asked) : undefined;
      if (found === undefined) await this.#prepare(asked);
      mayBeSent = true;
      const made = found ?? (await this.#send(asked));
      if (this.#unsettled.get(name)?.key === key) this.#unsettled.delete(name);
      this.#made.set(name, { asked, hash: made.transactionHash });
      return made;
    } catch (error) {
      if (!mayBeSent || error instanceof BadArgument) throw error;
      if (error instanceof ContractRefused || isInsufficient(error)) throw error;
      this.#unsettled.set(name, { key, fromBlock });
      throw new DepositUnsettled(what, key, error);
    }
  }

  /**
   * The last deposit of that name, if the chain has it no more. Its transaction may be mined again:
   * a caller that saw it undone and deposits anew must not have both.
   */
  async #undone(name: string): Promise<Asked | undefined> {
    const made = this.#made.get(name);
    if (made === undefined) return undefined;
    const { client } = this.#options.reader;
    const receipt = await client.getTransactionReceipt({ hash: made.hash }).catch(() => undefined);
    if (receipt !== undefined) return undefined;
    return (await this.#find(made.asked)) === undefined ? made.asked : undefined;
  }

  /** Before anything is paid for, whether the tokens are there; then approves what is missing. */
  async #prepare({ token, units, what }: Asked): Promise<void> {
    const { reader, client, submitter } = this.#options;
    const [held, allowed] = await Promise.all([
      readTokenBalance(reader.client, token.token, client),
      readAllowance(reader.client, token.token, client, reader.mediator),
    ]);
    if (held < units) {
      throw new QuarterdeckError({
        code: "InsufficientTokens",
        message: `The ${what} needs more than ${client} holds: ${formatDecimal(held, token.decimals)}.`,
        hint: `Send it ${token.symbol}, or deposit less.`,
      });
    }
    if (allowed >= units) return;
    const data = encodeApprove(reader.mediator, units);
    await submitter.send({ what: `approve of ${token.symbol}`, to: token.token, data });
  }

  async #send({ token, units, what, key }: Asked): Promise<Deposited> {
    const { submitter, reader, client } = this.#options;
    const data = (encodeDeposit(token.token, units) + markOf(client, key).slice(2)) as Hex;
    const mined = await submitter.send({ what, to: reader.mediator, data });
    return { ...mined, token: token.token, amount: units, key, wasThere: false };
  }

  /**
   * The deposit of that key, if the chain has it. A transaction that may still be mined is waited
   * for first.
   */
  async #find(asked: Asked): Promise<Deposited | undefined> {
    await this.#waitForPending();
    const { client, reader } = this.#options;
    const mark = markOf(client, asked.key).slice(2);
    for await (const made of this.#depositsSince(asked.fromBlock)) {
      const { transactionHash: hash, block } = made;
      const transaction = await ask("a deposit", () => reader.client.getTransaction({ hash }));
      if (!transaction.input.endsWith(mark)) continue;
      if (made.token !== asked.token.token || made.amount !== asked.units) {
        const said = `It names a deposit of ${made.amount} base units of ${made.token}`;
        throw new BadArgument("key", said, "Use a key of its own for each deposit.");
      }
      const receipt = await ask("a receipt", () => reader.client.getTransactionReceipt({ hash }));
      const mined = { transactionHash: hash, block, ...spentBy(receipt, transaction) };
      const { units: amount, key } = asked;
      return { ...mined, token: made.token, amount, key, wasThere: true };
    }
    return undefined;
  }

  /** A try whose transaction waits in the pool would be mined besides a new one. */
  async #waitForPending(): Promise<void> {
    const { reader, client: address, pollMs } = this.#options;
    for (let poll = 0; poll < PENDING_POLLS; poll++) {
      const [latest, pending] = await ask("a nonce", () =>
        Promise.all([
          reader.client.getTransactionCount({ address, blockTag: "latest" }),
          reader.client.getTransactionCount({ address, blockTag: "pending" }),
        ]),
      );
      if (pending <= latest) return;
      await sleep(pollMs);
    }
    throw new QuarterdeckError({
      code: "TransactionWaits",
      message: `A transaction of ${address} waits to be mined, and may be this deposit.`,
      hint: "Wait until it is mined.",
    });
  }

  /** This client's deposits, the newest blocks first. */
  async *#depositsSince(fromBlock: BlockNumber): AsyncGenerator<DepositMade> {
    const { reader, client } = this.#options;
    const to = Number(await ask("the head", () => reader.client.getBlockNumber()));
    const read = (part: BlockSpan) => readDepositsBetween(reader, client, part.from, part.to);
    // The deposit that is looked for is most likely a new one.
    const options = { newestFirst: true, firstBlocks: FIRST_BLOCKS };
    yield* readInRanges({ from: fromBlock, to }, read, options);
  }
}

function isInsufficient(error: unknown): boolean {
  return error instanceof InsufficientFunds;
}

/** Behind the call's data: what nobody else's deposit ends with. */
function markOf(client: Address, key: string): Hex {
  return bytesToHex(keccak256(new TextEncoder().encode(`Quarterdeck deposit ${client} ${key}`)));
}

function randomKey(): string {
  return bytesToHex(crypto.getRandomValues(new Uint8Array(16)));
}

type Balances = Answer<"fetchBalances">;

/** The token's balance once an operator has credited a deposit. Throws `NotCredited`. */
export async function untilCredited(
  { token, block }: { readonly token: Address; readonly block: BlockNumber },
  operators: { call(name: "fetchClock"): Promise<Answer<"fetchClock">> },
  fetchBalance: () => Promise<Balances>,
  { retryTimeoutMs, pollMs }: { readonly retryTimeoutMs: number; readonly pollMs: number },
): Promise<Balances[number]> {
  const end = performance.now() + retryTimeoutMs;
  for (;;) {
    const clock = await operators.call("fetchClock");
    const balances = clock.block < block ? [] : await fetchBalance();
    const balance = balances.find((one) => one.token === token);
    if (balance !== undefined) return balance;
    if (performance.now() >= end) throw notCredited(block, clock.block);
    await sleep(pollMs);
  }
}

/** `block`: of the deposit; `operatorBlock`: up to which the operator asked has come. */
function notCredited(block: number, operatorBlock: number): QuarterdeckError {
  return new QuarterdeckError({
    code: "NotCredited",
    message: `The deposit of block ${block} is not credited; the operator is at ${operatorBlock}.`,
    hint: "Wait on; if the operator stands still, ask another.",
  });
}
