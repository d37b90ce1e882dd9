/** The doctor's checks on the chain: the Mediator, its manager, and the operator's key. */
import { formatDecimal } from "../../base/decimal.ts";
import type { Address } from "../../base/hex.ts";
import { ForeignBlockNumbers } from "../../chain/contracts/blockNumbers.ts";
import { type ExchangeConstants, MediatorReader } from "../../chain/contracts/mediator.ts";
import { isReleasedCode } from "../../chain/contracts/releaseCode.ts";
import type { SlotView } from "../../chain/contracts/roundRobinManager.ts";
import { ContractRefused } from "../../chain/rpc/errors.ts";
import { connect } from "../../chain/rpc/rpc.ts";
import { createState } from "../../exchange/model/state.ts";
import { DEFAULT_SHAPE, leastBonds } from "../../protocol/limits.ts";
import { lastBlockOf, rescueWindow } from "../../protocol/rounds.ts";
import type { Schedule } from "../../protocol/units.ts";
import { ALONE_HINT } from "../checks/quorum.ts";
import type { OperatorConfig } from "../config/config.ts";
import type { ExchangeOnChain } from "../config/readExchange.ts";
import { type Finding, failure, failureOf, fine, warning } from "./finding.ts";

const ETHER_DECIMALS = 18;

/** Throws `BadGenesis` where configuration and Mediator do not fit. */
export async function checkExchange(
  config: OperatorConfig,
  exchange: ExchangeOnChain,
): Promise<Finding[]> {
  const { reader, genesis } = exchange;
  createState(genesis);
  const { roundSize, genesisBlock } = genesis.schedule;
  const findings = [
    fine("mediator", `rounds of ${roundSize} blocks since ${genesisBlock}, manager there`),
  ];
  findings.push(fine("block numbers", "contracts see those of the chain's endpoints"));
  findings.push(...judgeSchedule(genesis.schedule));
  findings.push(await checkBytecode(config.mediator, exchange));

  const { halted, round } = await reader.clock();
  if (halted) {
    const hint = "Nothing can be operated any more: clients recover their money from it.";
    findings.push(failure("mediator", `HALTED in round ${round}`, hint));
  }
  const tokens = (await reader.tokenSet(round + 2)).length;
  const gasPrice = await exchange.client.getGasPrice();
  findings.push(judgeBonds(exchange.constants, tokens, gasPrice));
  findings.push(...(await checkMarkets(config, exchange, round)));
  return findings;
}

async function checkBytecode(
  mediator: Address,
  { client, reader }: ExchangeOnChain,
): Promise<Finding> {
  const code = await client.getCode({ address: mediator });
  try {
    const disputes = await client.getCode({ address: await reader.disputes() });
    return judgeBytecode(mediator, code ?? "0x", disputes ?? "0x");
  } catch (error) {
    // A Mediator of another release may know no such view.
    if (error instanceof ContractRefused) return judgeBytecode(mediator, "0x", "0x");
    throw error;
  }
}

/** Why the exchange cannot be read, where `error` is what reading it threw. */
export async function whyUnreadable(config: OperatorConfig, error: unknown): Promise<Finding> {
  if (error instanceof ForeignBlockNumbers) return failureOf("block numbers", error);
  try {
    const client = connect(config.rpc);
    const { manager } = await new MediatorReader(client, config.mediator).constants();
    const code = await client.getCode({ address: manager });
    if (code !== undefined && code !== "0x") return failureOf("mediator", error);
    const hint = "This Mediator was deployed wrongly: deploy another.";
    return failure("mediator", `no contract at its manager ${manager}`, hint);
  } catch {
    // The first error says more than the error of a second try.
    return failureOf("mediator", error);
  }
}

/** Whether a flood pays for its answers, with as many clients as limits.ts is made for; in wei. */
export function judgeBonds(
  { disputeBond, withdrawalBond }: Pick<ExchangeConstants, "disputeBond" | "withdrawalBond">,
  tokens: number,
  gasPrice: bigint,
): Finding {
  const least = leastBonds({ tokens, levels: DEFAULT_SHAPE.depth }, gasPrice);
  const ether = (wei: bigint) => `${formatDecimal(wei, ETHER_DECIMALS)} ETH`;
  const detail = `${ether(disputeBond)} a dispute, ${ether(withdrawalBond)} a request`;
  const enough = disputeBond >= least.disputeBond && withdrawalBond >= least.withdrawalBond;
  if (enough) return fine("bonds", detail);
  const hint =
    `A flood pays for its answers at this price of gas (${gasPrice} wei) from ` +
    `${ether(least.disputeBond)} and ${ether(least.withdrawalBond)} on. Bonds never change: ` +
    "keep ether for the answers, and deploy the next exchange with more.";
  return warning("bonds", detail, hint);
}

/** The window in which others may act for one that fails must have a block at all. */
export function judgeSchedule(schedule: Schedule): Finding[] {
  if (rescueWindow(schedule, schedule.genesisBlock) !== undefined) return [];
  const detail = `rounds of ${schedule.roundSize} blocks have no rescue window`;
  const hint = "Deploy with rounds of at least 16 blocks: nobody can help an operator that fails.";
  return [warning("rescue window", detail, hint)];
}

/** Nobody is selected in the manager's first slot: deadlines in it have the rescue window alone. */
export function judgeGenesis(slots: SlotView, schedule: Schedule): Finding[] {
  const firstDeadline = lastBlockOf(schedule, 1, 0);
  const { slot, lastBlock } = slots;
  if (slot !== 0 || lastBlock === undefined) return [];
  if (lastBlock < firstDeadline) return [fine("first slot", `ends in block ${lastBlock}`)];
  const detail =
    `nobody is selected until block ${lastBlock}, and the first commit is due by ${firstDeadline}: ` +
    "it is only taken in the rescue window";
  const hint =
    "Deploy the manager earlier, or with fewer genesis blocks; else see that an operator is up then.";
  return [warning("first slot", detail, hint)];
}

/**
 * The code on chain against that of this release: the Mediator's, and the code for disputes that it
 * calls, which a constructor of another's could have put anywhere.
 */
export function judgeBytecode(mediator: Address, code: string, disputes: string): Finding {
  if (isReleasedCode(code, "mediator") && isReleasedCode(disputes, "disputes")) {
    return fine("bytecode", "that of this release's Mediator");
  }
  return warning(
    "bytecode",
    `the contract at ${mediator} is not this release's Mediator`,
    "Check the address; for a Mediator of another release run that release's operator.",
  );
}

async function checkMarkets(
  config: OperatorConfig,
  { reader }: ExchangeOnChain,
  round: number,
): Promise<Finding[]> {
  // Tokens of the round after next: also one that was listed in this round.
  const listed = await reader.tokenSet(round + 2);
  const missing = config.markets
    .flatMap(({ base, quote }) => [base, quote])
    .find((token) => !listed.includes(token));
  if (missing === undefined)
    return [fine("markets", `${config.markets.length}, all tokens listed`)];
  const hint = "Ask the Mediator's owner to list it, or take its markets out.";
  return [warning("markets", `${missing} is not listed in the Mediator`, hint)];
}

/** Whether the key's owner may act, and can pay for it. */
export async function checkOperator(
  config: OperatorConfig,
  { client, reader, constants, slotReader }: ExchangeOnChain,
  address: Address,
): Promise<Finding[]> {
  const [registered, balance, quorum] = await Promise.all([
    reader.isRegistered(constants.manager, address),
    client.getBalance({ address }),
    reader.commitQuorum(constants.manager),
  ]);
  const hint = "Ask the manager's owner to set this operator, or start with the right key.";
  return [
    registered
      ? fine("operator", `${address} is registered with ${constants.manager}`)
      : failure("operator", `${address} is not registered with ${constants.manager}`, hint),
    judgeBalance(address, balance, config.minBalance),
    judgeQuorum(quorum, config.database !== undefined),
    ...(slotReader === undefined ? [] : judgeGenesis(await slotReader.slots(), constants.schedule)),
  ];
}

/** `isShared`: whether the journal is in a database, where operators find each other's attestations. */
export function judgeQuorum(quorum: number, isShared: boolean): Finding {
  const detail = `a commit takes ${quorum} of the approved operators`;
  if (quorum === 1 || isShared) return fine("commit quorum", detail);
  return failure("commit quorum", `${detail}, and this one shares no database`, ALONE_HINT);
}

/** Judges a key's balance; both amounts in wei. */
export function judgeBalance(address: Address, balance: bigint, least: bigint): Finding {
  const detail = `${address} has ${formatDecimal(balance, ETHER_DECIMALS)} ETH`;
  const hint = `Send ether to ${address}, at least ${formatDecimal(least, ETHER_DECIMALS)} ETH.`;
  if (balance === 0n) return failure("key balance", detail, hint);
  return balance < least ? warning("key balance", detail, hint) : fine("key balance", detail);
}
