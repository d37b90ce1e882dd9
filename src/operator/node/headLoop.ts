/** The effects of one new head of the chain, as one list in order. */
import { RpcUnavailable } from "../../chain/rpc/errors.ts";
import { forecastWeiPerDay } from "../../chain/submit/fees.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import type { SeenHead } from "../sequencing/lead.ts";
import type { Parts } from "./assemble.ts";
import { LatestOnly } from "./latestOnly.ts";

/** Blocks that others took and this operator does not hear of: then its endpoints stand still. */
const TRAILING_BLOCKS = 8;

type HeadEffect = (seen: SeenHead) => void;

export class HeadLoop {
  readonly #parts: Parts;
  readonly #duties: LatestOnly<BlockNumber>;
  /** By itself, so that an operator that is busy sending attests all the same. */
  readonly #attestations: LatestOnly<BlockNumber>;
  readonly #claims: LatestOnly<BlockNumber>;
  #isPollFailing = false;
  #isWaiting = false;

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
    if (seen !== undefined) for (const effect of this.#ofHead) effect(seen);
    this.#afterAll();
  };

  /** The effects of the state, which are those of whole records: once for all that came. */
  #afterAll(): void {
    const whole = this.#parts.sources.history.whenWhole();
    if (whole === undefined) {
      for (const effect of this.#ofState) effect();
      return;
    }
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    void whole.then(() => {
      this.#isWaiting = false;
      if (!this.#parts.signal.aborted) this.#afterAll();
    });
  }

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
    this.#isPollFailing = false;
    this.#parts.monitoring.heard(seen);
  };

  readonly #countEndpoints: HeadEffect = () => {
    const { metrics, chain } = this.#parts;
    metrics.setEndpoints(chain.client.transport.health());
  };

  readonly #forecastGas: HeadEffect = (seen) => {
    const { gas, metrics, chain } = this.#parts;
    gas.setHead({ block: seen.number, timestamp: seen.timestamp });
    const spent = gas.spent(chain.constants.schedule.roundSize);
    metrics.setGasForecast(spent && forecastWeiPerDay(spent, seen.baseFee));
  };

  readonly #claimSlot: HeadEffect = () => {
    const { slotKeeper, head } = this.#parts;
    if (slotKeeper.hasSlots) this.#claims.offer(head.number);
  };

  readonly #tellClock = () => {
    const { metrics, router, control } = this.#parts;
    metrics.set("leading", router.isOpen ? 1 : 0);
    control.tellClock();
  };

  /** Roots are fixed once their round has opened: also where the journal trails a little. */
  readonly #attest = () => this.#attestations.offer(this.#parts.head.number);

  /** Duties of a machine that trails, or does not know whether it does, are not known. */
  readonly #carryOut = () => {
    const { head } = this.#parts;
    if (head.isHeard && head.lagBlocks === 0) this.#duties.offer(head.number);
  };

  readonly #ofHead: readonly HeadEffect[] = [
    this.#hear,
    this.#countEndpoints,
    this.#forecastGas,
    this.#claimSlot,
  ];
  /** Also after final blocks were taken in without a new head. */
  readonly #ofState: readonly (() => void)[] = [this.#tellClock, this.#attest, this.#carryOut];
}
