/** The round as a ring of four quarters, the present one filled as far as it has come. */

import { firstBlockOf, quarterSize } from "../../../src/protocol/rounds.ts";
import type { Quarter } from "../../../src/protocol/units.ts";
import type { ExchangeResponse } from "../../../src/wire/schemas/exchange.ts";
import type { ClockResponse } from "../../../src/wire/schemas/health.ts";

const CENTER = 50;
/** Degrees between two quarters. */
const GAP = 14;

interface RingProps {
  readonly clock: ClockResponse;
  readonly schedule: ExchangeResponse["schedule"];
  readonly width?: number;
}

/** How much of the present quarter is over, from 0 to 1. */
export function quarterProgress({ clock, schedule }: RingProps): number {
  const size = quarterSize(schedule);
  const began = firstBlockOf(schedule, clock.round, clock.quarter as Quarter);
  return Math.min(1, Math.max(0, (clock.block - began + 1) / size));
}

export function Ring({ clock, schedule, width = 8 }: RingProps) {
  const radius = CENTER - width / 2 - 1;
  const progress = quarterProgress({ clock, schedule });
  const isHalted = clock.haltRound !== null;
  return (
    <svg viewBox="0 0 100 100" class="ring" data-halted={isHalted || undefined} aria-hidden="true">
      {[0, 1, 2, 3].map((quarter) => {
        const from = quarter * 90 + GAP / 2;
        const whole = 90 - GAP;
        const share = quarter < clock.quarter ? 1 : quarter === clock.quarter ? progress : 0;
        return (
          <g key={quarter} fill="none" stroke-width={width} stroke-linecap="round">
            <path class="ring-track" d={arc(radius, from, from + whole)} />
            {share > 0 ? (
              <path
                class={quarter === clock.quarter ? "ring-now" : "ring-past"}
                d={arc(radius, from, from + Math.max(1, whole * share))}
              />
            ) : null}
          </g>
        );
      })}
    </svg>
  );
}

/** Clockwise from the top; degrees. */
function arc(radius: number, from: number, to: number): string {
  const at = (degrees: number) => {
    const radians = ((degrees - 90) * Math.PI) / 180;
    const x = CENTER + radius * Math.cos(radians);
    const y = CENTER + radius * Math.sin(radians);
    return `${x.toFixed(3)} ${y.toFixed(3)}`;
  };
  return `M${at(from)}A${radius} ${radius} 0 0 1 ${at(to)}`;
}
