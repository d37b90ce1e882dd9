/** Candles with their volumes, drawn on a canvas; the same as a table beside it. */
import { useSignal } from "@preact/signals";
import {
  type CandlestickData,
  CandlestickSeries,
  ColorType,
  createChart,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  type UTCTimestamp,
} from "lightweight-charts";
import { useEffect, useRef } from "preact/hooks";
import type { CandleResponse } from "../../../../src/wire/schemas/market.ts";
import { CANDLE_INTERVALS } from "../../../../src/wire/schemas/market.ts";
import { candles, interval, market } from "../../live/market.ts";
import { isDark } from "../../theme.ts";
import { colorOf } from "../../ui/colors.ts";
import { dateTimeText } from "../../ui/format.ts";
import { DataTable, Panel, Segments } from "../../ui/parts.tsx";
import { DepthChart } from "./depth.tsx";
import { type Grid, priceNumber, priceText, sizeText } from "./grid.ts";

const SHOWN = [
  ["chart", "Candles"],
  ["depth", "Depth"],
  ["table", "Table"],
] as const;
const INTERVALS = CANDLE_INTERVALS.map((one) => [one, one] as const);
const TABLE_ROWS = 60;

export function ChartPanel({ grid }: { readonly grid: Grid }) {
  const shown = useSignal<"chart" | "depth" | "table">("chart");
  return (
    <Panel
      title={grid.market.name}
      live
      flush
      class="chart-panel"
      actions={
        <div class="chart-choices">
          {shown.value === "depth" ? null : (
            <Segments
              label="Candles of"
              options={INTERVALS}
              value={interval.value}
              onChange={(value) => {
                interval.value = value;
              }}
            />
          )}
          <Segments
            label="Shown as"
            options={SHOWN}
            value={shown.value}
            onChange={(value) => {
              shown.value = value;
            }}
          />
        </div>
      }
    >
      {shown.value === "table" ? <CandleTable grid={grid} /> : null}
      {shown.value === "depth" ? <DepthChart grid={grid} /> : null}
      {shown.value === "chart" ? <Candles grid={grid} /> : null}
    </Panel>
  );
}

function CandleTable({ grid }: { readonly grid: Grid }) {
  const price = (name: string, of: (one: CandleResponse) => bigint) => ({
    name,
    isNumber: true,
    cell: (one: CandleResponse) => priceText(grid, of(one)),
  });
  return (
    <div class="chart-table">
      <DataTable
        caption={`Candles of ${interval.value}, newest first`}
        rows={candles.value.slice(-TABLE_ROWS).reverse()}
        keyOf={({ openMs }) => openMs}
        empty="No trade yet."
        columns={[
          { name: "From", cell: ({ openMs }) => dateTimeText(openMs) },
          price("Open", ({ open }) => open),
          price("High", ({ high }) => high),
          price("Low", ({ low }) => low),
          price("Close", ({ close }) => close),
          {
            name: `Volume (${grid.base})`,
            isNumber: true,
            cell: ({ baseVolume }) => sizeText(grid, baseVolume),
          },
          { name: "Trades", isNumber: true, cell: ({ trades }) => trades },
        ]}
      />
    </div>
  );
}

interface Drawn {
  readonly chart: IChartApi;
  readonly prices: ISeriesApi<"Candlestick">;
  readonly volumes: ISeriesApi<"Histogram">;
}

function Candles({ grid }: { readonly grid: Grid }) {
  const box = useRef<HTMLDivElement>(null);
  const drawn = useRef<Drawn>(undefined);
  const count = useRef(0);
  const last = candles.value.at(-1);
  useEffect(() => {
    if (box.current === null) return;
    drawn.current = draw(box.current, grid);
    count.current = 0;
    return () => drawn.current?.chart.remove();
  }, [grid, isDark.value]);
  useEffect(() => {
    if (drawn.current === undefined) return;
    const all = candles.value;
    const isMore = count.current > 0 && all.length >= count.current;
    // Only the last candle changes, and the one before it once more.
    if (isMore && all.length <= count.current + 1) update(drawn.current, grid, all.slice(-2));
    else fill(drawn.current, grid, all);
    count.current = all.length;
  }, [candles.value, grid, isDark.value]);
  const words =
    last === undefined
      ? "No trade yet"
      : `Last candle: open ${priceText(grid, last.open)}, high ${priceText(grid, last.high)}, low ${priceText(grid, last.low)}, close ${priceText(grid, last.close)}. The table has all of them.`;
  return (
    <div class="chart-box">
      <div
        ref={box}
        class="chart-canvas"
        role="img"
        aria-label={`Candles of ${market.value?.name}. ${words}`}
      />
      {last === undefined ? (
        <p class="chart-empty muted">No trade yet: the first makes a candle.</p>
      ) : null}
    </div>
  );
}

function draw(box: HTMLElement, grid: Grid): Drawn {
  const line = { color: colorOf("line", 0.7) };
  const chart = createChart(box, {
    autoSize: true,
    // Some systems name their language in a way that the library throws at, picture by picture.
    localization: { locale: "en-GB" },
    layout: {
      background: { type: ColorType.Solid, color: "transparent" },
      textColor: colorOf("muted"),
      fontFamily: "Inter, system-ui, sans-serif",
      fontSize: 11,
      // The library's mark brings an inline style, which the policy refuses; the footer names it.
      attributionLogo: false,
    },
    grid: { vertLines: line, horzLines: line },
    rightPriceScale: { borderColor: colorOf("line") },
    timeScale: { borderColor: colorOf("line"), timeVisible: true, rightOffset: 4 },
    crosshair: {
      horzLine: { labelBackgroundColor: colorOf("accent-fill") },
      vertLine: { labelBackgroundColor: colorOf("accent-fill") },
    },
  });
  const [up, down] = [colorOf("buy"), colorOf("sell")];
  const prices = chart.addSeries(CandlestickSeries, {
    upColor: up,
    wickUpColor: up,
    downColor: down,
    wickDownColor: down,
    borderVisible: false,
    priceFormat: {
      type: "price",
      precision: grid.priceDigits,
      minMove: Number(`1e-${grid.priceDigits}`),
    },
  });
  prices.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.26 } });
  const volumes = chart.addSeries(HistogramSeries, {
    priceScaleId: "volume",
    priceFormat: { type: "volume" },
    lastValueVisible: false,
    priceLineVisible: false,
  });
  volumes.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
  return { chart, prices, volumes };
}

function fill({ chart, prices, volumes }: Drawn, grid: Grid, all: readonly CandleResponse[]): void {
  prices.setData(all.map((one) => candleOf(grid, one)));
  volumes.setData(all.map((one) => volumeOf(grid, one)));
  if (all.length > 0 && all.length < 60) {
    chart.timeScale().setVisibleLogicalRange({ from: all.length - 60, to: all.length + 4 });
  }
}

function update({ prices, volumes }: Drawn, grid: Grid, last: readonly CandleResponse[]): void {
  for (const one of last) {
    prices.update(candleOf(grid, one), one !== last.at(-1));
    volumes.update(volumeOf(grid, one), one !== last.at(-1));
  }
}

function timeOf({ openMs }: CandleResponse): UTCTimestamp {
  return Math.floor(openMs / 1000) as UTCTimestamp;
}

function candleOf(grid: Grid, one: CandleResponse): CandlestickData<UTCTimestamp> {
  const at = (price: bigint) => priceNumber(grid, price);
  const { open, high, low, close } = one;
  return { time: timeOf(one), open: at(open), high: at(high), low: at(low), close: at(close) };
}

function volumeOf(grid: Grid, one: CandleResponse) {
  const value = Number(sizeText(grid, one.baseVolume).replaceAll(",", ""));
  const color = colorOf(one.close >= one.open ? "buy" : "sell", 0.35);
  return { time: timeOf(one), value, color };
}
