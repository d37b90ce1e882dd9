/** The market at a glance: chart, book, trades, the ticket, and the account's own side. */
import type { TradeResponse } from "../../../../src/wire/schemas/market.ts";
import { exchange } from "../../live/exchange.ts";
import { market, marketName, ticker, trades } from "../../live/market.ts";
import { timeText } from "../../ui/format.ts";
import { Empty, Panel, Select } from "../../ui/parts.tsx";
import { stable } from "../../ui/stable.ts";
import { Activity } from "./activity.tsx";
import { BookPanel } from "./bookPanel.tsx";
import { ChartPanel } from "./chart.tsx";
import { type Grid, priceText, sizeText } from "./grid.ts";
import { grid } from "./state.ts";
import { Ticket } from "./ticket.tsx";

export function Trade() {
  const shown = grid.value;
  if (shown === undefined) return <Empty>This exchange has no market.</Empty>;
  return (
    <>
      <h1 class="only-spoken">Trade {shown.market.name}</h1>
      <TickerBar grid={shown} />
      <div class="trade">
        <ChartPanel grid={shown} />
        <BookPanel grid={shown} />
        <Ticket grid={shown} />
        <Activity />
        <Trades grid={shown} />
      </div>
    </>
  );
}

function TickerBar({ grid: shown }: { readonly grid: Grid }) {
  const now = ticker.value;
  const markets = exchange.value?.markets ?? [];
  const price = (value: bigint | null | undefined) =>
    value === null || value === undefined ? "–" : priceText(shown, value);
  const change = changeOf(now?.open, now?.last);
  return (
    <div class="ticker">
      {markets.length > 1 ? (
        <Select
          label="Market"
          hideLabel
          options={markets.map(({ name }) => [name, name] as const)}
          value={market.value?.name ?? ""}
          onChange={(name) => {
            marketName.value = name;
          }}
        />
      ) : (
        <strong class="ticker-name">{shown.market.name}</strong>
      )}
      <span class="ticker-last">{price(now?.last)}</span>
      <dl>
        <div>
          <dt>24 h</dt>
          <dd class={change === undefined ? "" : change < 0 ? "sell" : "buy"}>
            {change === undefined ? "–" : `${change >= 0 ? "+" : ""}${change.toFixed(2)} %`}
          </dd>
        </div>
        <div>
          <dt>High</dt>
          <dd>{price(now?.high)}</dd>
        </div>
        <div>
          <dt>Low</dt>
          <dd>{price(now?.low)}</dd>
        </div>
        <div>
          <dt>Volume</dt>
          <dd>{now === undefined ? "–" : `${sizeText(shown, now.baseVolume)} ${shown.base}`}</dd>
        </div>
        <div>
          <dt>Trades</dt>
          <dd>{now?.trades ?? "–"}</dd>
        </div>
      </dl>
    </div>
  );
}

/** Percent. */
function changeOf(open: bigint | null | undefined, last: bigint | null | undefined) {
  if (!open || last === null || last === undefined) return undefined;
  return Number(((last - open) * 1_000_000n) / open) / 10_000;
}

const SHOWN_TRADES = 40;

interface TradeRowProps {
  readonly grid: Grid;
  readonly trade: TradeResponse;
}

const TradeRow = stable(({ grid: shown, trade }: TradeRowProps) => (
  <tr>
    <td class={trade.takerSide === "buy" ? "buy" : "sell"}>
      {priceText(shown, trade.price)}
      <span class="only-spoken">{trade.takerSide === "buy" ? " bought" : " sold"}</span>
    </td>
    <td class="num">{sizeText(shown, trade.baseAmount)}</td>
    <td class="num muted">{timeText(trade.timeMs)}</td>
  </tr>
));

function Trades({ grid: shown }: { readonly grid: Grid }) {
  return (
    <Panel title="Trades" live flush class="trades-panel">
      {trades.value.length === 0 ? (
        <Empty>No trade yet.</Empty>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: keys scroll it
        <section class="trades-scroll" tabIndex={0} aria-label="Trades">
          <table class="trades">
            <caption class="only-spoken">Trades, newest first</caption>
            <thead>
              <tr>
                <th scope="col">Price</th>
                <th scope="col" class="num">
                  Size
                </th>
                <th scope="col" class="num">
                  Time
                </th>
              </tr>
            </thead>
            <tbody>
              {trades.value.slice(0, SHOWN_TRADES).map((one) => (
                <TradeRow key={String(one.sequence)} grid={shown} trade={one} />
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Panel>
  );
}
