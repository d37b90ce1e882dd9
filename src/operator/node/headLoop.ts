/** The effects of one new head of the chain, as one list in order. */
import { RpcUnavailable } from "../../chain/rpc/errors.ts";
import { forecastWeiPerDay } from "../../chain/submit/fees.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import type { SeenHead } from "../sequencing/lead.ts";
import type { Parts } from "./assemble.ts";
import { LatestOnly } from "./latestOnly.ts";

/** Blocks that others took and this operator does not hear of: then its endpoints stand still. */
const TRAILING_BLOCKS = 8;

/** One effect; `seen` is undefined where final blocks were taken in without a new head. */
type HeadEffect = (seen: SeenHead | undefined) => void;

export class HeadLoop {
  readonly #parts: Parts;
  readonly #duties: LatestOnly<BlockNumber>;
  /** By itself, so that an operator that is busy sending attests all the same. */
  readonly #attestations: LatestOnly<BlockNumber>;
  readonly #claims: LatestOnly<BlockNumber>;
  #isPollFailing = false;

  constructor(parts: Parts) {
    const { slotKeeper, runner, quorum } = parts;
    this.#parts = parts;
    this.#duties = new LatestOnly(async () => {
      await slotKeeper.poll().catch(this.#noteUnread);
      await runner.run();
    });
    this.#attestations = new LatestOnly((head) => quorum.poll(head));
    this.#claims = new LatestOnly(async () => {
      await slotKeeper.poll();
      await slotKeeper.claimIfDue();
    });
  }

  /** To be called with each new head, and, without one, after final blocks were taken in. */
  readonly onChain = (seen: SeenHead | undefined): void => {
    this.#parts.head.note(seen?.number, seen?.newest);
    for (const effect of this.#effects) effect(seen);
  };

  readonly onFailedPoll = (): void => {
    this.#isPollFailing = true;
    this.#parts.monitoring.failedPoll();
  };

  /** True while this operator hears too little of the chain to lead, or cannot sign. */
  get cannotLead(): boolean {
    const { state, head, opened } = this.#parts;
    const taken = (state.head?.number ?? 0) + state.genesis.confirmations;
    const isTrailing = taken > head.number + TRAILING_BLOCKS;
    return this.#isPollFailing || isTrailing || !opened.canSign();
  }

  /** Rejects with what made it impossible to go on. */
  get failures(): readonly Promise<never>[] {
    return this.#loops.map(({ failure }) => failure);
  }

  async idle(): Promise<void> {
    await Promise.allSettled(this.#loops.map((loop) => loop.idle()));
  }

  get #loops(): readonly LatestOnly<BlockNumber>[] {
    return [this.#duties, this.#claims, this.#attestations];
  }

  /** Slots that were known before stand: the runner looks at duties, and may rotate endpoints. */
  readonly #noteUnread = (problem: unknown): void => {
    if (!(problem instanceof RpcUnavailable)) throw problem;
    this.#parts.log.warn("slotsUnread", { block: this.#parts.head.number, problem });
  };

  readonly #hear: HeadEffect = (seen) => {
    if (seen === undefined) return;
    this.#isPollFailing = false;
    this.#parts.monitoring.heard(seen);
  };

  readonly #countEndpoints: HeadEffect = (seen) => {
    const { metrics, chain } = this.#parts;
    if (seen !== undefined) metrics.setEndpoints(chain.client.transport.health());
  };

  readonly #forecastGas: HeadEffect = (seen) => {
    if (seen === undefined) return;
    const { gas, metrics, chain } = this.#parts;
    gas.setHead({ block: seen.number, timestamp: seen.timestamp });
    const spent = gas.spent(chain.constants.schedule.roundSize);
    metrics.setGasForecast(spent && forecastWeiPerDay(spent, seen.baseFee));
  };

  readonly #claimSlot: HeadEffect = (seen) => {
    const { slotKeeper, head } = this.#parts;
    if (seen !== undefined && slotKeeper.hasSlots) this.#claims.offer(head.number);
  };

  readonly #tellClock: HeadEffect = () => {
    const { metrics, router, control } = this.#parts;
    metrics.set("leading", router.isOpen ? 1 : 0);
    control.tellClock();
  };

  /** Roots are fixed once their round has opened: also where the journal trails a little. */
  readonly #attest: HeadEffect = () => this.#attestations.offer(this.#parts.head.number);

  /** Duties of a machine that trails, or does not know whether it does, are not known. */
  readonly #carryOut: HeadEffect = () => {
    const { head } = this.#parts;
    if (head.isHeard && head.lagBlocks === 0) this.#duties.offer(head.number);
  };

  readonly #effects: readonly HeadEffect[] = [
    this.#hear,
    this.#countEndpoints,
    this.#forecastGas,
    this.#claimSlot,
    this.#tellClock,
    this.#attest,
    this.#carryOut,
  ];
}
