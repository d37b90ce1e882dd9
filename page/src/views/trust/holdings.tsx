/** Solvency in one line: what is committed, beside what the Mediator holds. */

import { rpcUrl } from "../../chain/endpoint.ts";
import { chainClock, chainProblem, holdings, isSolvent } from "../../chain/state.ts";
import { amountText } from "../../ui/format.ts";
import { Empty, Panel, Tag } from "../../ui/parts.tsx";
import { dialog } from "../../wallet/state.ts";

export function Holdings() {
  const rows = holdings.value;
  if (rows.length === 0) {
    return (
      <Panel title="Solvency">
        <Empty>
          {rpcUrl.value === undefined ? (
            <>
              <p>Name an endpoint of the chain: this page believes no operator about money.</p>
              <button type="button" class="button" onClick={openEndpoint}>
                Choose an endpoint
              </button>
            </>
          ) : (
            <p>{chainProblem.value ?? "Reading the Mediator …"}</p>
          )}
        </Empty>
      </Panel>
    );
  }
  return (
    <Panel
      title="Solvency"
      about={`Read at block ${chainClock.value?.block}`}
      actions={isSolvent.value ? <Tag tone="good">Covered</Tag> : <Tag tone="bad">Not covered</Tag>}
    >
      <div class="holdings" data-testid="solvency">
        <p>{solvencyLine()}</p>
        {rows.map(({ token, symbol, decimals, held, committed, requested, round }) => {
          const owed = (committed ?? 0n) + requested;
          const most = held > owed ? held : owed;
          const width = (part: bigint) => Number(most === 0n ? 0n : (part * 1000n) / most) / 10;
          return (
            <div key={token} class="holding">
              <div class="holding-head">
                <span class="strong">{symbol}</span>
                <span class="muted small">
                  {committed === undefined ? "not committed yet" : `round ${round}`}
                </span>
              </div>
              <Bar
                name="Held by the Mediator"
                text={amountText(held, decimals, 4)}
                width={width(held)}
                tone="held"
              />
              <Bar
                name={requested > 0n ? "Committed, and asked for" : "Committed to clients"}
                text={amountText(owed, decimals, 4)}
                width={width(owed)}
                tone="owed"
              />
            </div>
          );
        })}
      </div>
    </Panel>
  );
}

/** Holdings of the Mediator beside what it owes, in one line. */
function solvencyLine(): string {
  const parts = holdings.value.map(({ symbol, decimals, held, committed, requested }) => {
    const has = `${amountText(held, decimals)} ${symbol}`;
    if (committed === undefined) return `${has} deposited before the first commit`;
    const asked = requested === 0n ? "" : " or asked for";
    return `${has} for ${amountText(committed + requested, decimals)} committed${asked}`;
  });
  return `The Mediator holds ${parts.join(", ")}.`;
}

interface BarProps {
  readonly name: string;
  readonly text: string;
  /** Percent. */
  readonly width: number;
  readonly tone: string;
}

function Bar({ name, text, width, tone }: BarProps) {
  return (
    <div class="bar-row">
      <span class="muted small">{name}</span>
      <span class="num">{text}</span>
      <svg class={`bar ${tone}`} viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect class="bar-track" width="100" height="4" rx="1" />
        <rect class="bar-fill" width={width} height="4" rx="1" />
      </svg>
    </div>
  );
}

function openEndpoint(): void {
  dialog.value = "endpoint";
}
