/** Trust first: the round, what is owed and held, and the visitor's own proofs. */
import { logsOf } from "../../chain/state.ts";
import { blockMs, clock, exchange } from "../../live/exchange.ts";
import { durationText } from "../../ui/format.ts";
import { Panel } from "../../ui/parts.tsx";
import { Ring } from "../../ui/ring.tsx";
import { account, audited, auditProblem, dialog } from "../../wallet/state.ts";
import { Edges } from "./edges.tsx";
import { Faults } from "./faults.tsx";
import { Holdings } from "./holdings.tsx";
import { Proofs } from "./proofs.tsx";
import { Withdrawals } from "./withdrawals.tsx";

export function Trust() {
  const now = clock.value;
  const facts = exchange.value;
  if (now === undefined || facts === undefined) return null;
  return (
    <>
      <div class="page-head">
        <div>
          <h1>Every balance, proven on chain each round</h1>
          <TrustLine />
        </div>
      </div>
      <Faults />
      <div class="columns lead">
        <div class="stack">
          <Panel title={`Round ${now.round}`} about="Time is counted in blocks" live>
            <div class="round-view">
              <div class="ring-box">
                <Ring clock={now} schedule={facts.schedule} />
                <div class="ring-words">
                  <span class="muted small">Quarter {now.quarter}</span>
                  <strong>{now.blocksLeft}</strong>
                  <span class="muted small">
                    {now.blocksLeft === 1 ? "block left" : "blocks left"}
                    {blockMs.value === undefined
                      ? ""
                      : ` · ${durationText(now.blocksLeft * blockMs.value)}`}
                  </span>
                </div>
              </div>
              <Edges clock={now} schedule={facts.schedule} />
            </div>
          </Panel>
          <Proofs />
        </div>
        <div class="stack">
          <Holdings />
          <Withdrawals />
        </div>
      </div>
    </>
  );
}

/** One line: what is committed, what of it is the visitor's, and what is kept of it. */
function TrustLine() {
  const { committedRound = 0 } = clock.value ?? {};
  const report = audited.value;
  const held = account.value;
  const committed =
    committedRound === 0
      ? "The first commit is that of round 1"
      : `Round ${committedRound} committed`;
  if (held === undefined) {
    return (
      <p class="trust-line" data-testid="trust-line">
        {committed}.{" "}
        <button type="button" class="link" onClick={connect}>
          Connect
        </button>{" "}
        to have your own balances proven here, by this page.
      </p>
    );
  }
  if (auditProblem.value !== undefined) {
    return (
      <p class="trust-line warn">
        {committed}; not audited: {auditProblem.value}
      </p>
    );
  }
  if (report === undefined) {
    return <p class="trust-line">{committed}. Your balances are proven with the next commit.</p>;
  }
  // The endpoint may tell of the commit a moment after the proofs were held against it.
  const log = logsOf("committed").find(({ round }) => round === report.round);
  const block = report.block ?? log?.block;
  const against = block === undefined ? "the chain" : `block ${block}`;
  const proven = report.balances.length > 0 && report.faults.length === 0;
  const words = proven
    ? `your balances proven against ${against}`
    : report.faults.length > 0
      ? "your balances are NOT accounted for"
      : "your balances are first proven with the next commit";
  return (
    <p class={`trust-line ${report.faults.length > 0 ? "sell" : ""}`} data-testid="trust-line">
      Round {report.round} committed, {words}, {report.records}{" "}
      {report.records === 1 ? "record" : "records"} of evidence kept{" "}
      <button type="button" class="link" onClick={openEvidence}>
        in this browser
      </button>
      .
    </p>
  );
}

function connect(): void {
  dialog.value = "connect";
}

function openEvidence(): void {
  dialog.value = "evidence";
}
