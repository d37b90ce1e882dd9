/** The book: levels of both sides around the middle, own orders marked; a click takes the price. */
import { useComputed } from "@preact/signals";
import { orders } from "../../live/account.ts";
import { bestOf, type DepthLevel, groupsOf, levelsOf } from "../../live/book.ts";
import { book } from "../../live/market.ts";
import { Empty, Panel, Select } from "../../ui/parts.tsx";
import { stable } from "../../ui/stable.ts";
import { type Grid, priceText, sizeText } from "./grid.ts";
import { groupIndex, priceInput } from "./state.ts";

const DEPTH = 12;

export function BookPanel({ grid }: { readonly grid: Grid }) {
  const { tick } = grid.market;
  // The panel around the levels changes with the number of steps alone, which seldom does.
  const count = useComputed(() => {
    const best = bestOf(book.value.book, "bids") ?? 0n;
    return groupsOf(tick, best).length;
  });
  const groups = Array.from({ length: count.value }, (_, i) => tick * 10n ** BigInt(i));
  const index = Math.min(groupIndex.value, groups.length - 1);
  const steps = groups.map((one, i) => [String(i), priceText(grid, one)] as const);
  return (
    <Panel
      title="Book"
      live
      flush
      class="book-panel"
      actions={
        <Select
          label="Price steps"
          hideLabel
          options={steps}
          value={String(index)}
          onChange={(chosen) => {
            groupIndex.value = Number(chosen);
          }}
        />
      }
    >
      <Sides grid={grid} group={groups[index] ?? tick} />
    </Panel>
  );
}

/** Both sides of the book: drawn once a picture while it changes. */
function Sides({ grid, group }: { readonly grid: Grid; readonly group: bigint }) {
  const { book: sizes } = book.value;
  const bids = levelsOf(sizes, "bids", group, DEPTH);
  const asks = levelsOf(sizes, "asks", group, DEPTH);
  if (bids.length + asks.length === 0) {
    return <Empty>Nobody offers anything. Yours can be the first order.</Empty>;
  }
  const own = ownPrices(grid, group);
  const most = [bids.at(-1)?.sum ?? 0n, asks.at(-1)?.sum ?? 0n].reduce((a, b) => (a > b ? a : b));
  return (
    <div class="book" data-testid="book">
      <div class="book-head" aria-hidden="true">
        <span>Price ({grid.quote})</span>
        <span>Size ({grid.base})</span>
        <span>Sum</span>
      </div>
      <Levels grid={grid} levels={[...asks].reverse()} kind="asks" most={most} own={own} />
      <Middle grid={grid} bid={bids[0]} ask={asks[0]} />
      <Levels grid={grid} levels={bids} kind="bids" most={most} own={own} />
    </div>
  );
}

interface LevelsProps {
  readonly grid: Grid;
  readonly levels: readonly DepthLevel[];
  readonly kind: "bids" | "asks";
  readonly most: bigint;
  readonly own: ReadonlySet<string>;
}

function Levels({ grid, levels, kind, most, own }: LevelsProps) {
  const width = (sum: bigint) => (most === 0n ? 0 : Number((sum * 100n) / most));
  return (
    <table class={`levels ${kind}`}>
      <caption class="only-spoken">{kind === "bids" ? "Offers to buy" : "Offers to sell"}</caption>
      <thead class="only-spoken">
        <tr>
          <th scope="col">Price</th>
          <th scope="col">Size</th>
          <th scope="col">Sum</th>
        </tr>
      </thead>
      <tbody>
        {levels.map(({ price, amount, sum }, i) => (
          <Level
            // By place, not by price: a thousand changes a second move text, and no elements.
            key={i}
            grid={grid}
            price={price}
            amount={amount}
            sum={sum}
            percent={width(sum)}
            isOwn={own.has(`${kind} ${price}`)}
          />
        ))}
      </tbody>
    </table>
  );
}

interface LevelProps extends DepthLevel {
  readonly grid: Grid;
  /** Of the book's deepest sum, in whole percent. */
  readonly percent: number;
  readonly isOwn: boolean;
}

const Level = stable(({ grid, price, amount, sum, percent, isOwn }: LevelProps) => {
  const text = priceText(grid, price);
  return (
    <tr data-own={isOwn || undefined}>
      <td>
        <button
          type="button"
          onClick={() => {
            priceInput.value = text.replaceAll(",", "");
          }}
        >
          {text}
          {isOwn ? <span class="only-spoken"> (with an order of yours)</span> : null}
        </button>
      </td>
      <td>{sizeText(grid, amount)}</td>
      <td>
        <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
          <rect x={100 - percent} width={percent} height="1" />
        </svg>
        {sizeText(grid, sum)}
      </td>
    </tr>
  );
});

interface MiddleProps {
  readonly grid: Grid;
  readonly bid: DepthLevel | undefined;
  readonly ask: DepthLevel | undefined;
}

function Middle({ grid, bid, ask }: MiddleProps) {
  if (bid === undefined || ask === undefined) return <div class="book-middle">One side only</div>;
  const spread = ask.price - bid.price;
  const share = Number((spread * 1_000_000n) / (ask.price === 0n ? 1n : ask.price)) / 10_000;
  return (
    <div class="book-middle">
      <span class="strong">{priceText(grid, (bid.price + ask.price) / 2n)}</span>
      <span class="muted small">
        Spread {priceText(grid, spread)} · {share.toFixed(2)} %
      </span>
    </div>
  );
}

/** Levels that hold an order of this account, by side and gathered price. */
function ownPrices(grid: Grid, group: bigint): ReadonlySet<string> {
  const found = new Set<string>();
  const { base, quote, lot } = grid.market;
  for (const order of orders.value.values()) {
    if (order.state !== "open") continue;
    const isBid = order.sellToken === quote && order.buyToken === base;
    const isAsk = order.sellToken === base && order.buyToken === quote;
    if (!isBid && !isAsk) continue;
    const [quoteAmount, baseAmount] = isBid
      ? [order.sellAmount, order.buyAmount]
      : [order.buyAmount, order.sellAmount];
    const price = quoteAmount / (baseAmount / lot);
    const below = price - (price % group);
    const at = isBid || below === price ? below : below + group;
    found.add(`${isBid ? "bids" : "asks"} ${at}`);
  }
  return found;
}
