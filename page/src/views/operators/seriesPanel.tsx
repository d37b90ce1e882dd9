/** Figures over time, drawn by uPlot; the latest values as a table beside them. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { isDark } from "../../theme.ts";
import { colorOf } from "../../ui/colors.ts";
import { grouped } from "../../ui/format.ts";
import { DataTable, Panel, Segments } from "../../ui/parts.tsx";
import { type Sample, samplesOf } from "./series.ts";

const FIGURES = [
  ["journal_lag_blocks", "Journal lag"],
  ["halt_left_blocks", "Blocks to HALTED"],
  ["key_balance_ether", "Key (ETH)"],
  ["event_loop_delay_seconds", "Event loop (s)"],
] as const;
type Figure = (typeof FIGURES)[number][0];
const HEIGHT = 220;
/** Seconds that are drawn at least. */
const LEAST_SECONDS = 60;
const COLORS = ["accent", "buy", "warn", "sell", "muted"] as const;

interface SeriesProps {
  readonly urls: readonly string[];
  readonly nameOf: (url: string) => string;
}

export function SeriesPanel({ urls, nameOf }: SeriesProps) {
  const shown = useSignal<Figure>("journal_lag_blocks");
  const words = FIGURES.find(([name]) => name === shown.value)?.[1] ?? "";
  const latest = urls.map((url) => ({ url, samples: samplesOf.value.get(url) ?? [] }));
  return (
    <Panel
      title="Over time"
      about="Since this page was opened"
      actions={
        <Segments
          label="Figure"
          options={FIGURES}
          value={shown.value}
          onChange={(value) => {
            shown.value = value;
          }}
        />
      }
    >
      <div class="series">
        <Plot urls={urls} nameOf={nameOf} figure={shown.value} words={words} />
        <DataTable
          caption={`${words}: the latest values`}
          rows={latest}
          keyOf={({ url }) => url}
          empty="No operator has answered yet."
          columns={[
            { name: "Operator", cell: ({ url }) => nameOf(url) },
            {
              name: "Now",
              isNumber: true,
              cell: ({ samples }) => valueText(samples.at(-1)?.figures[shown.value]),
            },
            {
              name: "Most",
              isNumber: true,
              cell: ({ samples }) => valueText(mostOf(samples, shown.value)),
            },
          ]}
        />
      </div>
    </Panel>
  );
}

function valueText(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return "–";
  return grouped(Number.isInteger(value) ? String(value) : value.toFixed(3));
}

function mostOf(samples: readonly Sample[], figure: Figure): number | undefined {
  const values = samples.flatMap(({ figures }) => figures[figure] ?? []);
  return values.length === 0 ? undefined : Math.max(...values);
}

interface PlotProps extends SeriesProps {
  readonly figure: Figure;
  readonly words: string;
}

function Plot({ urls, nameOf, figure, words }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const key = urls.join(" ");
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const made = draw(element, key.split(" ").map(nameOf), words);
    plot.current = made;
    const resized = new ResizeObserver(() => {
      made.setSize({ width: Math.max(200, element.clientWidth), height: HEIGHT });
    });
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
    };
  }, [key, figure, isDark.value]);
  useEffect(() => {
    plot.current?.setData(dataOf(key.split(" "), figure));
  }, [samplesOf.value, key, figure, isDark.value]);
  return (
    <div
      ref={box}
      class="plot"
      role="img"
      aria-label={`${words} over time; the table has the latest values`}
    />
  );
}

function draw(element: HTMLElement, names: readonly string[], words: string): uPlot {
  const line = colorOf("line");
  const axis = {
    stroke: colorOf("muted"),
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1 },
    font: "11px Inter, system-ui, sans-serif",
  };
  return new uPlot(
    {
      width: Math.max(200, element.clientWidth),
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        // One sample alone would stretch over years.
        x: { range: (_, first, last) => [Math.min(first, last - LEAST_SECONDS), last] },
        y: { range: (_, least, most) => [Math.min(0, least), Math.max(1, most * 1.1)] },
      },
      axes: [axis, { ...axis, label: words, labelSize: 18, labelFont: axis.font, size: 56 }],
      series: [
        {},
        ...names.map((label, i) => ({
          label,
          width: 1.5,
          stroke: colorOf(COLORS[i % COLORS.length] ?? "accent"),
          points: { show: false },
        })),
      ],
    },
    [[], ...names.map(() => [])],
    element,
  );
}

/** One row of times, then one of values for each operator, with gaps where it did not answer. */
function dataOf(urls: readonly string[], figure: Figure): uPlot.AlignedData {
  const tables = urls.map((url): uPlot.AlignedData => {
    const samples = samplesOf.value.get(url) ?? [];
    return [samples.map(({ at }) => at), samples.map(({ figures }) => figures[figure] ?? null)];
  });
  return uPlot.join(tables);
}
