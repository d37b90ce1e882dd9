/** The account's own side of the market: orders, fills, balances, and what happened before. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { LedgerEntryResponse } from "../../../../src/wire/schemas/account.ts";
import type { ExchangeResponse } from "../../../../src/wire/schemas/exchange.ts";
import type { OrderResponse } from "../../../../src/wire/schemas/order.ts";
import { balances, deposits, fills, orders, withdrawals } from "../../live/account.ts";
import { api, exchange } from "../../live/exchange.ts";
import { amountText, dateTimeText, decimalsOf, symbolOf, tokenText } from "../../ui/format.ts";
import { DataTable, Empty, Panel, Tabs, Tag } from "../../ui/parts.tsx";
import { toast, toastError } from "../../ui/toasts.tsx";
import { cancelAll, cancelOrder } from "../../wallet/actions.ts";
import { account, canMoveMoney, dialog } from "../../wallet/state.ts";
import { type Grid, gridOf, priceText, quoteText, sizeText } from "./grid.ts";

const TABS = [
  ["open", "Open orders"],
  ["fills", "Fills"],
  ["balances", "Balances"],
  ["orders", "Ended orders"],
  ["ledger", "History"],
] as const;
type Tab = (typeof TABS)[number][0];

const tab = signal<Tab>("open");
const ledger = signal<readonly LedgerEntryResponse[]>([]);

export function Activity() {
  const facts = exchange.value;
  const held = account.value;
  if (facts === undefined) return null;
  const isOpen = ({ state }: OrderResponse) => state === "open" || state === "queued";
  const all = [...orders.value.values()].reverse();
  const open = all.filter(isOpen);
  return (
    <Panel
      title={<span class="only-spoken">Your account</span>}
      live
      flush
      class="activity-panel"
      actions={
        <>
          <Tabs
            label="Your account"
            options={TABS.map(
              ([name, text]) => [name, withCount(name, text, open.length)] as const,
            )}
            value={tab.value}
            panelId="activity"
            onChange={(value) => {
              tab.value = value;
            }}
          />
          {tab.value === "open" && open.length > 0 ? (
            <button type="button" class="button small" onClick={() => void cancelEvery()}>
              Cancel all
            </button>
          ) : null}
        </>
      }
    >
      <div id="activity" role="tabpanel" aria-labelledby={`activity-${tab.value}`}>
        {held === undefined ? (
          <Empty>
            <p>Connect to see your orders, fills and balances here.</p>
          </Empty>
        ) : (
          <Shown facts={facts} open={open} ended={all.filter((one) => !isOpen(one))} />
        )}
      </div>
    </Panel>
  );
}

function withCount(name: Tab, text: string, open: number): string {
  return name === "open" && open > 0 ? `${text} (${open})` : text;
}

interface ShownProps {
  readonly facts: ExchangeResponse;
  readonly open: readonly OrderResponse[];
  readonly ended: readonly OrderResponse[];
}

function Shown({ facts, open, ended }: ShownProps) {
  switch (tab.value) {
    case "open":
      return <Orders facts={facts} rows={open} empty="No order of yours is open." canCancel />;
    case "orders":
      return <Orders facts={facts} rows={ended} empty="No order of this round has ended yet." />;
    case "fills":
      return <Fills facts={facts} />;
    case "balances":
      return <Balances facts={facts} />;
    case "ledger":
      return <Ledger facts={facts} />;
  }
}

async function cancelEvery(): Promise<void> {
  await cancelAll().then((count) => toast(`${count} orders cancelled.`), toastError);
}

interface OrdersProps {
  readonly facts: ExchangeResponse;
  readonly rows: readonly OrderResponse[];
  readonly empty: string;
  readonly canCancel?: boolean;
}

interface ReadOrder {
  readonly grid: Grid;
  readonly isBuy: boolean;
  readonly price: bigint;
  readonly size: bigint;
  readonly filled: bigint;
}

function readOrder(facts: ExchangeResponse, order: OrderResponse): ReadOrder | undefined {
  const { sellToken, buyToken, sellAmount, buyAmount, sold, bought } = order;
  const market = facts.markets.find(({ base, quote }) => {
    return (base === buyToken && quote === sellToken) || (base === sellToken && quote === buyToken);
  });
  if (market === undefined) return undefined;
  const isBuy = market.base === buyToken;
  const [quoteAmount, size] = isBuy ? [sellAmount, buyAmount] : [buyAmount, sellAmount];
  const price = quoteAmount / (size / market.lot || 1n);
  return { grid: gridOf(facts, market), isBuy, price, size, filled: isBuy ? bought : sold };
}

function Orders({ facts, rows, empty, canCancel = false }: OrdersProps) {
  const read = (order: OrderResponse) => readOrder(facts, order);
  const cancel = ({ round, id }: OrderResponse) =>
    cancelOrder({ round, id }).then(() => toast("Cancelled."), toastError);
  return (
    <DataTable
      caption={canCancel ? "Open orders" : "Ended orders"}
      rows={rows}
      keyOf={({ orderHash }) => orderHash}
      empty={empty}
      columns={[
        { name: "Time", cell: ({ timeMs }) => dateTimeText(timeMs) },
        { name: "Market", cell: (order) => read(order)?.grid.market.name ?? "–" },
        { name: "Side", cell: (order) => <Side isBuy={read(order)?.isBuy ?? false} /> },
        {
          name: "Price",
          isNumber: true,
          cell: (order) => withGrid(read(order), ({ grid, price }) => priceText(grid, price)),
        },
        {
          name: "Amount",
          isNumber: true,
          cell: (order) => withGrid(read(order), ({ grid, size }) => sizeText(grid, size)),
        },
        {
          name: "Filled",
          isNumber: true,
          cell: (order) => withGrid(read(order), ({ grid, filled }) => sizeText(grid, filled)),
        },
        {
          name: "Terms",
          cell: ({ terms, round }) => (
            <span class="muted">
              round {round}
              {terms.timeInForce === "round" ? "" : `, ${terms.timeInForce}`}
              {terms.tag === null ? "" : `, “${terms.tag}”`}
            </span>
          ),
        },
        { name: "State", cell: (order) => <State of={order} /> },
        ...(canCancel
          ? [
              {
                name: "Action",
                isNumber: true,
                cell: (order: OrderResponse) => (
                  <button type="button" class="button small" onClick={() => void cancel(order)}>
                    Cancel
                  </button>
                ),
              },
            ]
          : []),
      ]}
    />
  );
}

function withGrid(read: ReadOrder | undefined, text: (read: ReadOrder) => string): string {
  return read === undefined ? "–" : text(read);
}

function Side({ isBuy }: { readonly isBuy: boolean }) {
  return <span class={isBuy ? "buy strong" : "sell strong"}>{isBuy ? "Buy" : "Sell"}</span>;
}

function State({ of: { state, reason, fill } }: { readonly of: OrderResponse }) {
  const tone = state === "filled" ? "good" : state === "open" ? "accent" : "plain";
  return (
    <span title={fill === null ? undefined : "The operator's signature on the fill is kept here"}>
      <Tag tone={tone}>{state}</Tag>{" "}
      {reason === null ? null : <span class="muted small">{reason}</span>}
    </span>
  );
}

function Fills({ facts }: { readonly facts: ExchangeResponse }) {
  const gridAt = (base: string, quote: string) => {
    const market = facts.markets.find((one) => one.base === base && one.quote === quote);
    return market === undefined ? undefined : gridOf(facts, market);
  };
  return (
    <DataTable
      caption="Fills, newest first"
      rows={fills.value}
      keyOf={({ sequence, orderId }) => `${sequence} ${orderId}`}
      empty="Nothing was filled yet. Each fill comes with the operator's signature, your evidence."
      columns={[
        { name: "Time", cell: ({ timeMs }) => dateTimeText(timeMs) },
        { name: "Market", cell: ({ base, quote }) => gridAt(base, quote)?.market.name ?? "–" },
        { name: "Side", cell: ({ side }) => <Side isBuy={side === "buy"} /> },
        {
          name: "Price",
          isNumber: true,
          cell: ({ base, quote, price }) => {
            const grid = gridAt(base, quote);
            return grid === undefined ? "–" : priceText(grid, price);
          },
        },
        {
          name: "Amount",
          isNumber: true,
          cell: ({ base, quote, baseAmount }) => {
            const grid = gridAt(base, quote);
            return grid === undefined ? "–" : sizeText(grid, baseAmount);
          },
        },
        {
          name: "Total",
          isNumber: true,
          cell: ({ base, quote, quoteAmount }) => {
            const grid = gridAt(base, quote);
            return grid === undefined ? "–" : `${quoteText(grid, quoteAmount)} ${grid.quote}`;
          },
        },
        { name: "Role", cell: ({ role }) => <span class="muted">{role}</span> },
        { name: "Round", isNumber: true, cell: ({ round }) => round },
      ]}
    />
  );
}

function Balances({ facts }: { readonly facts: ExchangeResponse }) {
  const open = (name: "deposit" | "withdraw") => () => {
    dialog.value = name;
  };
  const text = (token: string, amount: bigint) =>
    amountText(amount, decimalsOf(facts, token as never));
  return (
    <>
      <DataTable
        caption="Balances"
        rows={balances.value}
        keyOf={({ token }) => token}
        empty="No balance yet: deposit, and it is credited a few blocks later."
        columns={[
          {
            name: "Token",
            cell: ({ token }) => <span class="strong">{symbolOf(facts, token)}</span>,
          },
          { name: "Total", isNumber: true, cell: ({ token, total }) => text(token, total) },
          { name: "In orders", isNumber: true, cell: ({ token, locked }) => text(token, locked) },
          { name: "Free", isNumber: true, cell: ({ token, free }) => text(token, free) },
        ]}
      />
      <div class="row-actions">
        <button
          type="button"
          class="button primary"
          disabled={!canMoveMoney()}
          onClick={open("deposit")}
        >
          Deposit
        </button>
        <button type="button" class="button" disabled={!canMoveMoney()} onClick={open("withdraw")}>
          Withdraw
        </button>
      </div>
    </>
  );
}

const KINDS: Readonly<Record<LedgerEntryResponse["kind"], string>> = {
  deposit: "Deposit",
  withdrawal: "Withdrawal asked for",
  withdrawalReturned: "Withdrawal returned",
  withdrawalPaid: "Withdrawal paid",
  withdrawalRefused: "Withdrawal refused",
};

function Ledger({ facts }: { readonly facts: ExchangeResponse }) {
  const client = account.value?.client;
  // Read where a deposit or a withdrawal changed: nothing else moves these entries.
  const pending = deposits.value.filter(({ state }) => state === "pending");
  const credited = deposits.value.find(({ state }) => state === "credited");
  const withdrawn = withdrawals.value.map(({ asOf }) => asOf);
  const version = [credited?.transactionHash, ...withdrawn].join();
  useEffect(() => {
    if (client === undefined) return;
    void version;
    void client
      .session()
      .then((session) =>
        api().call("fetchLedger", { params: { client: client.address }, query: {}, session }),
      )
      .then((rows) => {
        ledger.value = rows;
      }, toastError);
  }, [client, version]);
  return (
    <>
      {pending.map(({ transactionHash, token, amount, confirmationsLeft }) => (
        <p key={transactionHash} role="status">
          {tokenText(facts, token, amount)} deposited, credited in {confirmationsLeft}{" "}
          {confirmationsLeft === 1 ? "block" : "blocks"}
        </p>
      ))}
      <DataTable
        caption="Deposits and withdrawals, newest first"
        rows={ledger.value}
        keyOf={({ record, index }) => `${record} ${index}`}
        empty="No deposit and no withdrawal yet."
        columns={[
          { name: "Time", cell: ({ timeMs }) => dateTimeText(timeMs) },
          { name: "What", cell: ({ kind }) => KINDS[kind] },
          {
            name: "Amount",
            isNumber: true,
            cell: ({ token, amount }) => tokenText(facts, token, amount),
          },
          { name: "Round", isNumber: true, cell: ({ round }) => round },
          { name: "Block", isNumber: true, cell: ({ block }) => block ?? "–" },
        ]}
      />
    </>
  );
}
