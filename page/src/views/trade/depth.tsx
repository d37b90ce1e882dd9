/** How much is offered up to which price, as two stairs around the middle. */
import { type DepthLevel, levelsOf } from "../../live/book.ts";
import { book } from "../../live/market.ts";
import { Empty } from "../../ui/parts.tsx";
import { type Grid, priceNumber, priceText, sizeText } from "./grid.ts";

const WIDTH = 1000;
const HEIGHT = 400;
const MOST_LEVELS = 60;

export function DepthChart({ grid }: { readonly grid: Grid }) {
  const { book: sizes } = book.value;
  const bids = levelsOf(sizes, "bids", 1n, MOST_LEVELS);
  const asks = levelsOf(sizes, "asks", 1n, MOST_LEVELS);
  const [bid, ask] = [bids[0], asks[0]];
  if (bid === undefined || ask === undefined) {
    return <Empty>The depth needs orders on both sides.</Empty>;
  }
  const number = (price: bigint) => priceNumber(grid, price);
  const middle = (number(bid.price) + number(ask.price)) / 2;
  const reach = Math.max(
    middle - number(bids.at(-1)?.price ?? bid.price),
    number(asks.at(-1)?.price ?? ask.price) - middle,
  );
  const most = [bids.at(-1)?.sum ?? 0n, asks.at(-1)?.sum ?? 0n].reduce((a, b) => (a > b ? a : b));
  const x = (price: bigint) => (0.5 + ((number(price) - middle) / (reach || 1)) * 0.48) * WIDTH;
  const y = (sum: bigint) =>
    HEIGHT - (Number((sum * 10_000n) / (most || 1n)) / 10_000) * HEIGHT * 0.9;
  const words = `Up to ${sizeText(grid, bids.at(-1)?.sum ?? 0n)} ${grid.base} are bought down to ${priceText(grid, bids.at(-1)?.price ?? 0n)}, and ${sizeText(grid, asks.at(-1)?.sum ?? 0n)} sold up to ${priceText(grid, asks.at(-1)?.price ?? 0n)}. The book has every level.`;
  return (
    <div class="depth-box">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Depth of ${grid.market.name}. ${words}`}
      >
        <path class="depth-bids" d={stairs(bids, x, y, 0)} />
        <path class="depth-asks" d={stairs(asks, x, y, WIDTH)} />
      </svg>
      <div class="depth-words muted small" aria-hidden="true">
        <span>{priceText(grid, bids.at(-1)?.price ?? 0n)}</span>
        <span>{priceText(grid, (bid.price + ask.price) / 2n)}</span>
        <span>{priceText(grid, asks.at(-1)?.price ?? 0n)}</span>
      </div>
    </div>
  );
}

function stairs(
  levels: readonly DepthLevel[],
  x: (price: bigint) => number,
  y: (sum: bigint) => number,
  edge: number,
): string {
  const [first] = levels;
  if (first === undefined) return "";
  let path = `M${x(first.price).toFixed(1)} ${HEIGHT}`;
  let height = HEIGHT;
  for (const { price, sum } of levels) {
    path += `L${x(price).toFixed(1)} ${height.toFixed(1)}`;
    height = y(sum);
    path += `L${x(price).toFixed(1)} ${height.toFixed(1)}`;
  }
  return `${path}L${edge} ${height.toFixed(1)}L${edge} ${HEIGHT}Z`;
}
