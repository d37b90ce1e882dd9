/** What happens at each edge of the round, and when. */
import { firstBlockOf } from "../../../../src/protocol/rounds.ts";
import type { Quarter } from "../../../../src/protocol/units.ts";
import type { ExchangeResponse } from "../../../../src/wire/schemas/exchange.ts";
import type { ClockResponse } from "../../../../src/wire/schemas/health.ts";
import { blockMs } from "../../live/exchange.ts";
import { blocksText } from "../../ui/format.ts";

interface Edge {
  readonly round: number;
  readonly quarter: Quarter;
  readonly name: string;
  readonly words: string;
}

/** The next four edges, the nearest first. */
export function edgesAfter(round: number, quarter: number): Edge[] {
  return [1, 2, 3, 4].map((step) => {
    const at = quarter + step;
    const of = round + Math.floor(at / 4);
    const next = (at % 4) as Quarter;
    return { round: of, quarter: next, ...wordsOf(of, next) };
  });
}

function wordsOf(round: number, quarter: Quarter): { name: string; words: string } {
  const earlier = round - 2;
  const paid = earlier >= 1 ? ` Withdrawals asked for in round ${earlier} can be paid.` : "";
  switch (quarter) {
    case 0:
      return {
        name: `Round ${round} opens`,
        words: `Orders of round ${round - 1} expire, its withdrawals are decided, and every balance stands still for the commit.`,
      };
    case 1:
      return {
        name: "Commit is due",
        words: `Round ${round} not committed by now: the Mediator is HALTED.${paid}`,
      };
    case 2:
      return {
        name: "Half of the round",
        words: "Disputes that were opened before quarter 1 ended must be answered soon.",
      };
    case 3:
      return {
        name: "Last quarter begins",
        words: `The last chance to ask for a withdrawal in round ${round}, or to dispute round ${Math.max(0, round - 1)}.`,
      };
  }
}

interface EdgesProps {
  readonly clock: ClockResponse;
  readonly schedule: ExchangeResponse["schedule"];
}

export function Edges({ clock, schedule }: EdgesProps) {
  return (
    <ol class="edges">
      {edgesAfter(clock.round, clock.quarter).map(({ round, quarter, name, words }, i) => {
        const block = firstBlockOf(schedule, round, quarter);
        return (
          <li key={block} class={i === 0 ? "edge next" : "edge"}>
            <div class="edge-head">
              <span class="strong">{name}</span>
              <span class="muted small">
                {blocksText(Math.max(0, block - clock.block), blockMs.value)}
              </span>
            </div>
            <p class="muted small">{words}</p>
          </li>
        );
      })}
    </ol>
  );
}
