/** The ticket: an order with all of its terms, exact, with what it costs before it is signed. */
import { signal } from "@preact/signals";
import type { SelfTrade, TimeInForce } from "../../../../src/protocol/trading/terms.ts";
import { SELF_TRADES, TIMES_IN_FORCE } from "../../../../src/protocol/trading/terms.ts";
import { balances } from "../../live/account.ts";
import { clock, exchange } from "../../live/exchange.ts";
import { amountText, decimalsOf } from "../../ui/format.ts";
import { Panel, Segments, Select, TextField } from "../../ui/parts.tsx";
import { toast, toastError } from "../../ui/toasts.tsx";
import { placeOrder } from "../../wallet/actions.ts";
import { account, dialog } from "../../wallet/state.ts";
import {
  costOf,
  type Grid,
  mostFor,
  quoteText,
  type Reading,
  readAmount,
  readPrice,
} from "./grid.ts";
import { amountInput, priceInput, side } from "./state.ts";

const timeInForce = signal<TimeInForce>("round");
const selfTrade = signal<SelfTrade>("cancelTaker");
const lastBlock = signal("");
const tag = signal("");
const when = signal<"now" | "next">("now");
const isSending = signal(false);

const FORCE_WORDS: Readonly<Record<TimeInForce, string>> = {
  round: "Until the round ends",
  ioc: "Immediate or cancel",
  fok: "Fill or kill",
  postOnly: "Post only",
};
const SELF_WORDS: Readonly<Record<SelfTrade, string>> = {
  cancelTaker: "Cancel the new order",
  cancelMaker: "Cancel the resting order",
  cancelBoth: "Cancel both",
};
const SHARES = [25n, 50n, 75n, 100n] as const;

export function Ticket({ grid }: { readonly grid: Grid }) {
  const isBuy = side.value === "buy";
  const price = readPrice(grid, priceInput.value);
  const amount = readAmount(grid, amountInput.value);
  const free = freeOf(grid);
  const cost =
    price.kind === "fits" && amount.kind === "fits"
      ? costOf(grid, price.value, amount.value)
      : undefined;
  const needed = amount.kind === "fits" ? (isBuy ? cost : amount.value) : undefined;
  const tooMuch = needed !== undefined && free !== undefined && needed > free;
  const block = readBlock(lastBlock.value);
  const ready = cost !== undefined && block !== null && !isSending.value;
  return (
    <Panel title="Order" class="ticket-panel">
      <form
        class="ticket"
        aria-label="Order"
        onSubmit={(event) => {
          event.preventDefault();
          void send(grid, block ?? undefined);
        }}
      >
        <Sides />
        <TextField
          label="Price"
          value={priceInput.value}
          unit={grid.quote}
          onInput={(text) => {
            priceInput.value = text;
          }}
          bad={price.kind === "misfit"}
          hint={<Nearest reading={price} take={setPrice} />}
          input={{ inputMode: "decimal", name: "price", placeholder: "0.00" }}
        />
        <TextField
          label="Amount"
          value={amountInput.value}
          unit={grid.base}
          onInput={setAmount}
          bad={amount.kind === "misfit"}
          hint={<Nearest reading={amount} take={setAmount} />}
          input={{ inputMode: "decimal", name: "amount", placeholder: "0.000" }}
        />
        <Shares grid={grid} free={free} price={price} />
        <dl class="facts">
          <dt>{isBuy ? "You pay at most" : "You get at least"}</dt>
          <dd class={tooMuch && isBuy ? "sell" : ""}>
            {cost === undefined ? "–" : `${quoteText(grid, cost)} ${grid.quote}`}
          </dd>
          <dt>Free</dt>
          <dd class={tooMuch ? "sell" : ""}>{freeText(grid, free)}</dd>
        </dl>
        <Terms />
        <Submit grid={grid} ready={ready} tooMuch={tooMuch} />
      </form>
    </Panel>
  );
}

function setPrice(text: string): void {
  priceInput.value = text;
}

function setAmount(text: string): void {
  amountInput.value = text;
}

function Sides() {
  return (
    <div class="sides">
      {(["buy", "sell"] as const).map((name) => (
        <button
          key={name}
          type="button"
          class={name}
          aria-pressed={side.value === name}
          onClick={() => {
            side.value = name;
          }}
        >
          {name === "buy" ? "Buy" : "Sell"}
        </button>
      ))}
    </div>
  );
}

interface NearestProps {
  readonly reading: Reading;
  readonly take: (text: string) => void;
}

function Nearest({ reading, take }: NearestProps) {
  if (reading.kind !== "misfit") return null;
  return (
    <>
      {reading.problem}
      {reading.nearest.map((text) => (
        <button key={text} type="button" onClick={() => take(text)}>
          {text}
        </button>
      ))}
    </>
  );
}

interface SharesProps {
  readonly grid: Grid;
  readonly free: bigint | undefined;
  readonly price: Reading;
}

/** Parts of what is free, in whole lots. */
function Shares({ grid, free = 0n, price }: SharesProps) {
  const most =
    side.value === "sell"
      ? free - (free % grid.market.lot)
      : price.kind === "fits"
        ? mostFor(grid, price.value, free)
        : 0n;
  const take = (share: bigint) => {
    const part = (most * share) / 100n;
    setAmount(amountText(part - (part % grid.market.lot), grid.baseDecimals).replaceAll(",", ""));
  };
  return (
    <div class="shares">
      {SHARES.map((share) => (
        <button
          key={String(share)}
          type="button"
          disabled={most === 0n}
          aria-label={`${share} percent of what is free`}
          onClick={() => take(share)}
        >
          {String(share)} %
        </button>
      ))}
    </div>
  );
}

function Terms() {
  const block = readBlock(lastBlock.value);
  return (
    <details class="terms">
      <summary>Terms: {FORCE_WORDS[timeInForce.value].toLowerCase()}</summary>
      <div class="stack">
        <Select
          label="Time in force"
          options={TIMES_IN_FORCE.map((one) => [one, FORCE_WORDS[one]] as const)}
          value={timeInForce.value}
          onChange={(value) => {
            timeInForce.value = value;
          }}
        />
        <TextField
          label="Last block (optional)"
          value={lastBlock.value}
          onInput={(text) => {
            lastBlock.value = text;
          }}
          bad={block === null}
          hint={block === null ? `A block from ${clock.value?.block ?? 1} on` : undefined}
          input={{ inputMode: "numeric", name: "lastBlock", placeholder: "end of the round" }}
        />
        <Select
          label="Where it meets an order of yours"
          options={SELF_TRADES.map((one) => [one, SELF_WORDS[one]] as const)}
          value={selfTrade.value}
          onChange={(value) => {
            selfTrade.value = value;
          }}
        />
        <TextField
          label="Tag (optional)"
          value={tag.value}
          onInput={(text) => {
            tag.value = text;
          }}
          input={{ name: "tag", maxLength: 36, placeholder: "shown with the order" }}
        />
        <div class="field">
          <span>Round</span>
          <Segments
            label="Round"
            options={[
              ["now", `This one (${clock.value?.round})`],
              ["next", `The next (${(clock.value?.round ?? 0) + 1})`],
            ]}
            value={when.value}
            onChange={(value) => {
              when.value = value;
            }}
          />
        </div>
      </div>
    </details>
  );
}

interface SubmitProps {
  readonly grid: Grid;
  readonly ready: boolean;
  readonly tooMuch: boolean;
}

function Submit({ grid, ready, tooMuch }: SubmitProps) {
  const isBuy = side.value === "buy";
  if (account.value?.client === undefined) {
    return (
      <button type="button" class="button primary" onClick={connect}>
        Connect to trade
      </button>
    );
  }
  // An order for the next round locks nothing yet.
  const blocked = tooMuch && when.value === "now";
  return (
    <button
      type="submit"
      class={`button ${isBuy ? "buy-fill" : "sell-fill"}`}
      disabled={!ready || blocked}
    >
      {isSending.value
        ? "Signing …"
        : blocked
          ? "More than is free"
          : `${isBuy ? "Buy" : "Sell"} ${grid.base}`}
    </button>
  );
}

async function send(grid: Grid, block: number | undefined): Promise<void> {
  isSending.value = true;
  const round = clock.value?.round ?? 0;
  try {
    const order = await placeOrder({
      market: `${grid.market.base}/${grid.market.quote}`,
      side: side.value,
      price: priceInput.value.trim().replaceAll(",", ""),
      amount: amountInput.value.trim().replaceAll(",", ""),
      ...(timeInForce.value !== "round" && { timeInForce: timeInForce.value }),
      ...(selfTrade.value !== "cancelTaker" && { selfTrade: selfTrade.value }),
      ...(block !== undefined && { goodTillBlock: block }),
      ...(tag.value !== "" && { tag: tag.value }),
      ...(when.value === "next" && { round: round + 1 }),
    });
    const words = { filled: "Filled", open: "Open", queued: "Queued for the next round" };
    toast(
      `${words[order.state as keyof typeof words] ?? order.state}: signed, and kept as evidence.`,
    );
    amountInput.value = "";
  } catch (error) {
    toastError(error);
  }
  isSending.value = false;
}

/** Undefined: none is wanted; null: that is no block to come. */
function readBlock(text: string): number | undefined | null {
  if (text.trim() === "") return undefined;
  const block = /^\d{1,15}$/.test(text.trim()) ? Number(text) : 0;
  return block > 0 && block >= (clock.value?.block ?? 0) ? block : null;
}

function freeOf(grid: Grid): bigint | undefined {
  const { base, quote } = grid.market;
  const token = side.value === "buy" ? quote : base;
  return balances.value.find((one) => one.token === token)?.free;
}

function freeText(grid: Grid, free: bigint | undefined): string {
  const facts = exchange.value;
  if (free === undefined || facts === undefined) return "–";
  const isBuy = side.value === "buy";
  const decimals = decimalsOf(facts, isBuy ? grid.market.quote : grid.market.base);
  return `${amountText(free, decimals)} ${isBuy ? grid.quote : grid.base}`;
}

function connect(): void {
  dialog.value = "connect";
}
