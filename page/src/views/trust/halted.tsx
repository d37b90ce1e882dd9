/** HALTED: the whole page says it, and one button gets everything out. */
import { signal } from "@preact/signals";
import type { Recovered } from "../../../../src/client/rounds/recover.ts";
import { chainClock } from "../../chain/state.ts";
import { clock, exchange } from "../../live/exchange.ts";
import { amountText, messageOf, tokenText } from "../../ui/format.ts";
import { exit } from "../../wallet/lazy.ts";
import { account, dialog, joining } from "../../wallet/state.ts";

type Outcome =
  | { readonly kind: "waiting" | "working" }
  | { readonly kind: "done"; readonly taken: readonly Recovered[] }
  | { readonly kind: "failed"; readonly problem: string };

const outcome = signal<Outcome>({ kind: "waiting" });

async function takeOut(): Promise<void> {
  outcome.value = { kind: "working" };
  try {
    const { takeEverythingOut } = await exit();
    outcome.value = { kind: "done", taken: await takeEverythingOut() };
  } catch (error) {
    outcome.value = { kind: "failed", problem: messageOf(error) };
  }
}

export function Halted() {
  const round = clock.value?.haltRound ?? chainClock.value?.round;
  const at = chainClock.value?.haltBlock;
  const held = account.value;
  const state = outcome.value;
  return (
    <section class="halted" aria-labelledby="halted-title">
      <p class="halted-word" aria-hidden="true">
        HALTED
      </p>
      <h1 id="halted-title">The exchange has HALTED. Your money is yours to take.</h1>
      <p class="halted-words">
        A duty was missed in round {round}
        {at === undefined ? "" : `, at block ${at}`}. That is final: nobody can trade, deposit or
        commit here any more. What round {Math.max(0, (round ?? 2) - 2)} committed to you, your
        deposits since, and withdrawals that were old enough are paid by the contract, and no
        operator is asked.
      </p>
      {held === undefined ? (
        <button type="button" class="button primary large" onClick={connect}>
          {joining.value ?? "Connect to take everything out"}
        </button>
      ) : (
        <button
          type="button"
          class="button primary large"
          disabled={state.kind === "working" || held.owner === undefined}
          onClick={() => void takeOut()}
        >
          {state.kind === "working" ? "Taking everything out …" : "Take everything out"}
        </button>
      )}
      {held !== undefined && held.owner === undefined ? (
        <p class="muted">A trading key moves no money: connect the wallet that deposited.</p>
      ) : null}
      {held === undefined ? null : (
        <button type="button" class="link" onClick={openEvidence}>
          Evidence of another browser, or a backup? Import it first
        </button>
      )}
      <div role="status" class="halted-outcome">
        {state.kind === "failed" ? <p class="notice bad">{state.problem}</p> : null}
        {state.kind === "done" ? <Taken taken={state.taken} /> : null}
      </div>
    </section>
  );
}

function Taken({ taken }: { readonly taken: readonly Recovered[] }) {
  const facts = exchange.value;
  if (facts === undefined) return null;
  if (taken.length === 0) {
    return <p class="notice">Everything of this account is out already.</p>;
  }
  return (
    <div class="notice">
      <strong>Done. On its way to your account:</strong>
      <ul>
        {taken.map((one) => (
          <li key={JSON.stringify(one, (_, part) => String(part))}>{wordsOf(one, facts)}</li>
        ))}
      </ul>
    </div>
  );
}

const ETHER_DECIMALS = 18;

function wordsOf(one: Recovered, facts: NonNullable<typeof exchange.value>): string {
  if (one.what === "missingProof") {
    const of = tokenText(facts, one.token, 0n).split(" ")[1];
    return `The proof of your ${of} for round ${one.round} is missing: import your evidence.`;
  }
  if (one.what === "bond") return `${amountText(one.amount, ETHER_DECIMALS)} ether of a bond`;
  return `${tokenText(facts, one.token, one.amount)} (${one.what})`;
}

function connect(): void {
  dialog.value = "connect";
}

function openEvidence(): void {
  dialog.value = "evidence";
}
