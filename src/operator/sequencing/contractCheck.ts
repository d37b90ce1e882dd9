/**
 * The contract's own values against the machine's, as of the same block: once it is caught up, and
 * at each boundary. Logs that were never given are found out here, and not when the Mediator
 * refuses a commit for them.
 */
import { QuarterdeckError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { MediatorReader } from "../../chain/contracts/mediator.ts";
import { shortMessage } from "../../chain/rpc/errors.ts";
import type { ChainClient } from "../../chain/rpc/rpc.ts";
import type { State } from "../../exchange/model/state.ts";
import { clock, tokenSums } from "../../exchange/queries/views.ts";
import { haltBlockOf } from "../../exchange/rounds/halt.ts";

/** One value that differs. */
export interface Difference {
  readonly what: string;
  readonly contract: string;
  readonly journal: string;
}

/**
 * Blocks at which every endpoint must show a difference before it counts, since one may answer for
 * another block than it was asked for; and at which none may have the values before the check is
 * given up.
 */
const POLLS_BEFORE_VERDICT = 3;
/** Blocks behind its head of which a node that prunes still has the state. */
const NEAR_BLOCKS = 64;

/** The journal does not hold what the contract counted: no commit of it would be taken. */
export class ContractDiffers extends QuarterdeckError {
  override readonly name = "ContractDiffers";

  constructor(block: number, mediator: string, differences: readonly Difference[]) {
    const each = differences.map(
      ({ what, contract, journal }) => `${what}: ${contract} in the contract, ${journal} here`,
    );
    super({
      code: "ContractDiffers",
      message: `As of block ${block} the Mediator ${mediator} and the journal differ: ${each.join("; ")}.`,
      hint:
        "An endpoint gave incomplete logs earlier. Keep the journal, compare it with another " +
        "operator's (`quarterdeck journal verify --rpc`), put an endpoint with whole logs first, " +
        "and drop the blocks since then: `quarterdeck journal repair --from` in docs/operations.md.",
    });
  }
}

export interface ContractCheckOptions {
  readonly client: ChainClient;
  readonly state: State;
  readonly log: Log;
}

export class ContractCheck {
  readonly #options: ContractCheckOptions;
  /** The quarter, and the round committed by then, in which the figures were last the same. */
  #checked: string | undefined;
  #differing = 0;
  #unread = 0;

  constructor(options: ContractCheckOptions) {
    this.#options = options;
  }

  /**
   * To be called after final blocks were taken; asks only where a check is due. Throws
   * `ContractDiffers`. Values that no endpoint has any more, or not now, are no difference.
   */
  async poll(): Promise<void> {
    const { state, log } = this.#options;
    const { head, moment, haltRound } = clock(state);
    // Once the round is committed, what halts it next is a dispute that was not seen.
    const quarter = `${moment.round}.${moment.quarter} ${state.completedRound}`;
    if (head === undefined || haltRound !== undefined || quarter === this.#checked) return;
    const verdict = await this.#read(head.number);
    if (verdict === "later") return;
    const isUnread = verdict === undefined && ++this.#unread >= POLLS_BEFORE_VERDICT;
    if (isUnread || verdict?.length === 0) {
      this.#checked = quarter;
      this.#differing = 0;
      this.#unread = 0;
    }
    if (verdict === undefined || verdict.length === 0) return;
    this.#differing += 1;
    const polls = this.#differing;
    log.warn("contractDiffers", { block: head.number, polls, differences: verdict });
    if (polls < POLLS_BEFORE_VERDICT) return;
    throw new ContractDiffers(head.number, state.genesis.mediator, verdict);
  }

  /**
   * The differences that all answers show; none if one has the same; undefined where none answers;
   * "later" while the chain is far ahead.
   */
  async #read(block: number): Promise<readonly Difference[] | "later" | undefined> {
    const { client, state, log } = this.#options;
    let found: readonly Difference[] | undefined;
    for (const endpoint of client.transport.endpoints()) {
      try {
        const newest = Number(await endpoint.client.getBlockNumber());
        if (newest - block > NEAR_BLOCKS) return "later";
        const reader = new MediatorReader(endpoint.client as never, state.genesis.mediator, block);
        const differences = await differencesOf(state, reader);
        if (differences.length > 0) {
          found ??= differences;
          continue;
        }
        if (found !== undefined) log.warn("endpointOdd", { notice: "an endpoint's state differs" });
        return [];
      } catch (error) {
        log.info("contractUnread", { endpoint: endpoint.origin, problem: shortMessage(error) });
      }
    }
    return found;
  }
}

async function differencesOf(state: State, reader: MediatorReader): Promise<Difference[]> {
  const found: Difference[] = [];
  const compare = (what: string, contract: unknown, journal: unknown) => {
    if (String(contract) === String(journal)) return;
    found.push({ what, contract: String(contract), journal: String(journal) });
  };
  const { round } = state.moment;
  const sums = tokenSums(state);
  const [listed, committed, haltBlock, ...figures] = await Promise.all([
    reader.tokenSet(Number.MAX_SAFE_INTEGER),
    reader.committedRound(),
    reader.haltBlock(),
    ...sums.map(async ({ token }) => {
      const [flow, total] = await Promise.all([
        reader.flow(token, round),
        reader.expectedTotal(token),
      ]);
      return { flow, total };
    }),
  ]);
  compare("listed tokens", listed, [...state.tokens.keys()]);
  if (found.length > 0) return found;
  if (sums.length > 0) compare("last round committed", committed, state.completedRound);
  compare(
    "block of the next deadline, by commits and open disputes",
    haltBlock,
    haltBlockOf(state),
  );
  for (const [index, { token, deposits, requested, expected }] of sums.entries()) {
    const { flow, total } = figures[index] as (typeof figures)[number];
    compare(`deposits of ${token} in round ${round}`, flow.deposits, deposits);
    compare(`withdrawals of ${token} asked for in round ${round}`, flow.requested, requested);
    compare(`total of ${token} at the opening of round ${round}`, total, expected);
  }
  return found;
}
