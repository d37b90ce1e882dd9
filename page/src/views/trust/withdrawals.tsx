/** Withdrawals as timelines: from the request to the block in which they can be paid. */
import { signal } from "@preact/signals";
import { firstBlockOf, lastBlockOf } from "../../../../src/protocol/rounds.ts";
import type { WithdrawalResponse } from "../../../../src/wire/schemas/account.ts";
import type { ExchangeResponse } from "../../../../src/wire/schemas/exchange.ts";
import { withdrawals } from "../../live/account.ts";
import { blockMs, clock, exchange } from "../../live/exchange.ts";
import { blocksText, grouped, shortHex, symbolOf, tokenText } from "../../ui/format.ts";
import { Empty, Panel, Tag } from "../../ui/parts.tsx";
import { toast, toastError } from "../../ui/toasts.tsx";
import { confirmWithdrawal } from "../../wallet/actions.ts";
import { account, canMoveMoney, dialog } from "../../wallet/state.ts";

const paying = signal<string | undefined>(undefined);

export function Withdrawals() {
  const facts = exchange.value;
  const rows = withdrawals.value;
  if (facts === undefined) return null;
  return (
    <Panel
      title="Your withdrawals"
      live
      actions={
        account.value === undefined ? undefined : (
          <button
            type="button"
            class="button small"
            disabled={!canMoveMoney()}
            onClick={() => {
              dialog.value = "withdraw";
            }}
          >
            Withdraw
          </button>
        )
      }
    >
      {rows.length === 0 ? (
        <Empty>
          <p>
            {account.value === undefined
              ? "A withdrawal is asked of the contract, and paid two rounds later: nobody can refuse it."
              : "None waits. Ask for one, and follow it here to the block in which it is payable."}
          </p>
        </Empty>
      ) : (
        rows.map((one) => <Timeline key={`${one.token} ${one.round}`} of={one} facts={facts} />)
      )}
    </Panel>
  );
}

interface Mark {
  readonly name: string;
  readonly words: string;
  readonly block: number;
}

export function marksOf(
  { round, payableFrom, state }: Pick<WithdrawalResponse, "round" | "payableFrom" | "state">,
  schedule: ExchangeResponse["schedule"],
): Mark[] {
  const refused = state === "refused";
  return [
    {
      name: `Asked for in round ${round}`,
      words: "The request is on chain, with a proof of your balance.",
      block: firstBlockOf(schedule, round),
    },
    {
      name: refused ? "Refused" : "Decided",
      words: refused
        ? "More than was free: the operator must cancel it on chain, with your own orders as evidence."
        : "Taken off your balance, unless orders of yours needed the money.",
      block: firstBlockOf(schedule, round + 1),
    },
    {
      name: "Last block to cancel it",
      words: "From here on nobody can stop it.",
      block: lastBlockOf(schedule, round + 1, 0),
    },
    { name: "Payable", words: "Anybody may send it on its way.", block: payableFrom },
  ];
}

function Timeline({ of, facts }: { of: WithdrawalResponse; facts: ExchangeResponse }) {
  const now = clock.value?.block ?? 0;
  const isPayable = now >= of.payableFrom && of.state !== "refused";
  const symbol = symbolOf(facts, of.token);
  const pay = async () => {
    paying.value = of.token;
    await confirmWithdrawal(symbol).then(
      () => toast(`${tokenText(facts, of.token, of.amount)} is paid.`),
      toastError,
    );
    paying.value = undefined;
  };
  return (
    <article class="withdrawal" data-testid="withdrawal">
      <header>
        <span class="strong">{tokenText(facts, of.token, of.amount)}</span>
        <span class="muted small">to {shortHex(of.recipient)}</span>
        {of.state === "refused" ? (
          <Tag tone="bad">Refused</Tag>
        ) : isPayable ? (
          <Tag tone="good">Payable</Tag>
        ) : (
          <Tag tone="accent">{blocksText(of.payableFrom - now, blockMs.value)}</Tag>
        )}
      </header>
      <ol class="timeline">
        {marksOf(of, facts.schedule).map(({ name, words, block }) => (
          <li key={name} data-past={now >= block || undefined}>
            <div class="edge-head">
              <span class="strong">{name}</span>
              <span class="muted small">block {grouped(String(block))}</span>
            </div>
            <p class="muted small">{words}</p>
          </li>
        ))}
      </ol>
      {isPayable ? (
        <button
          type="button"
          class="button primary"
          disabled={paying.value === of.token || !canMoveMoney()}
          onClick={() => void pay()}
        >
          {paying.value === of.token ? "Sending …" : "Pay it out"}
        </button>
      ) : null}
    </article>
  );
}
