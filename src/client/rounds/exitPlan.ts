/**
 * All that a client can get out by chain, key and evidence alone: how much, from which block on,
 * and with which evidence. Sends nothing.
 */
import type { Address } from "../../base/hex.ts";
import type { ChainClock } from "../../chain/contracts/mediator.ts";
import type { Amount, BalanceProof, BlockNumber, Round } from "../../protocol/units.ts";
import { confirmable, firstPayableBlock } from "../../protocol/withdrawalRule.ts";
import { planRecovery, type Recovered } from "./recover.ts";
import type { ChainClientSide } from "../types.ts";

/** By which a sum is shown to be the client's. */
export type ExitEvidence =
  /** The Mediator's own books. */
  | { readonly kind: "chain" }
  /** A proof of this round that is kept. */
  | { readonly kind: "proof"; readonly round: Round }
  /** A proof of this round that nobody has shown: a dispute makes the operator publish it. */
  | { readonly kind: "missing"; readonly round: Round };

export interface ExitItem {
  /**
   * `request`: asked for, and paid later; `balance`: not asked for yet; `deposits`: in no committed
   * balance yet, or paid back at a halt; `bond`: in wei, at a halt.
   */
  readonly what: "request" | "balance" | "deposits" | "bond";
  /** Undefined: ether. */
  readonly token: Address | undefined;
  /** Base units, or wei; undefined where the proof that would say so is missing. */
  readonly amount: Amount | undefined;
  /** Block from which on it can be out, if nothing intervenes; undefined: nobody knows. */
  readonly fromBlock: BlockNumber | undefined;
  readonly evidence: ExitEvidence;
}

export interface ExitPlan {
  readonly block: BlockNumber;
  readonly round: Round;
  readonly halted: boolean;
  /** Block at which the Mediator halts unless an operator acts; undefined: nothing is owed. */
  readonly haltBlock: BlockNumber | undefined;
  readonly items: readonly ExitItem[];
}

/** Throws `RpcUnavailable`. Costs a reading of the client's logs. */
export async function exitPlan(client: ChainClientSide): Promise<ExitPlan> {
  const clock = await client.reader.clock();
  const { block, round, halted } = clock;
  const items = halted
    ? (await planRecovery(client)).map(({ outcome }) => haltedItem(outcome, clock))
    : await livingItems(client, clock);
  return { block, round, halted, haltBlock: clock.haltBlock, items };
}

/** A sum that a halt pays, which is paid at once. */
function haltedItem(outcome: Recovered, { block, round }: ChainClock): ExitItem {
  const chain = { kind: "chain" } as const;
  const proven = round - 2;
  switch (outcome.what) {
    case "bond":
      return {
        what: "bond",
        token: undefined,
        amount: outcome.amount,
        fromBlock: block,
        evidence: chain,
      };
    case "missingProof": {
      const evidence = { kind: "missing", round: outcome.round } as const;
      const { token } = outcome;
      return { what: "balance", token, amount: undefined, fromBlock: undefined, evidence };
    }
    case "balance": {
      const evidence = { kind: "proof", round: proven } as const;
      return {
        what: "balance",
        token: outcome.token,
        amount: outcome.amount,
        fromBlock: block,
        evidence,
      };
    }
    default: {
      const what = outcome.what === "withdrawal" ? "request" : "deposits";
      const { token, amount } = outcome;
      return { what, token, amount, fromBlock: block, evidence: chain };
    }
  }
}

async function livingItems(client: ChainClientSide, clock: ChainClock): Promise<ExitItem[]> {
  const { reader, address, constants } = client;
  const { schedule } = constants;
  const items: ExitItem[] = [];
  for (const token of await reader.tokenSet(clock.round + 1)) {
    const request = await reader.withdrawal(address, token);
    if (request !== undefined) {
      const ripe = confirmable(request.round, clock);
      items.push({
        what: "request",
        token,
        amount: request.amount,
        fromBlock: ripe ? clock.block : firstPayableBlock(schedule, request.round),
        evidence: { kind: "chain" },
      });
    }
    const balance = await balanceItem(client, clock, token, request !== undefined);
    if (balance !== undefined) items.push(balance);
    const deposited = await freshDeposits(client, clock, token);
    if (deposited > 0n) {
      // In the opening of the next round, asked for then, and paid two rounds later.
      const asked = firstPayableBlock(schedule, clock.round + 2);
      const evidence = { kind: "chain" } as const;
      items.push({ what: "deposits", token, amount: deposited, fromBlock: asked, evidence });
    }
  }
  return items;
}

/** `isAsked`: one request is active a token, so that another waits until it is paid. */
async function balanceItem(
  client: ChainClientSide,
  { round, committedRound }: ChainClock,
  token: Address,
  isAsked: boolean,
): Promise<ExitItem | undefined> {
  const { schedule } = client.constants;
  const proven = await provenOpening(client, token, round);
  if (proven !== undefined) {
    if (isAsked || proven.balance === 0n) return undefined;
    return {
      what: "balance",
      token,
      amount: proven.balance,
      fromBlock: firstPayableBlock(schedule, round),
      evidence: { kind: "proof", round: round - 1 },
    };
  }
  if (isAsked || !(await hasBalance(client, token, round))) return undefined;
  return {
    what: "balance",
    token,
    amount: undefined,
    fromBlock: undefined,
    evidence: { kind: "missing", round: Math.max(1, Math.min(round - 1, committedRound)) },
  };
}

/** The kept proof that the Mediator takes for a request now: of the round before. */
export async function provenOpening(
  { evidence }: ChainClientSide,
  token: Address,
  round: Round,
): Promise<BalanceProof | undefined> {
  if (round < 2) return undefined;
  return (await evidence.proofs(round - 1)).find((one) => one.token === token)?.proof;
}

/** Rounds whose proofs are looked at: whoever kept none for longer cannot tell by them. */
const LOOK_BACK = 12;

/**
 * Whether the newest kept proof, and what the chain shows since, leave anything; where no proof is
 * kept, whether anything was deposited at all.
 */
async function hasBalance(
  { reader, evidence, address }: ChainClientSide,
  token: Address,
  round: Round,
): Promise<boolean> {
  let sum = 0n;
  for (let at = round - 1; at >= Math.max(0, round - LOOK_BACK); at--) {
    const flow = await reader.clientFlow(address, token, at);
    sum += flow.deposits - flow.requested;
    const kept = (await evidence.proofs(at)).find((one) => one.token === token);
    if (kept !== undefined) return kept.proof.balance + sum > 0n;
  }
  return sum > 0n;
}

/** Deposits of this round, which no commit holds yet. */
async function freshDeposits(
  { reader, address }: ChainClientSide,
  { round }: ChainClock,
  token: Address,
): Promise<Amount> {
  return (await reader.clientFlow(address, token, round)).deposits;
}
