/** Rounds with their roots and totals, who sent and attested them, the cost, and the deadline. */
import type { Address, Hex } from "../../../../src/base/hex.ts";
import type { CommittedLog } from "../../../../src/protocol/chainLog.ts";
import { lastBlockOf } from "../../../../src/protocol/rounds.ts";
import { chainClock, chainOperators, commitDetails, logsOf } from "../../chain/state.ts";
import { blockMs, exchange } from "../../live/exchange.ts";
import { amountText, blocksText, grouped, shortHex, tokenText } from "../../ui/format.ts";
import { DataTable, Hash, Panel, Tag } from "../../ui/parts.tsx";

interface RoundRow {
  readonly round: number;
  /** Last block in which the commit counts. */
  readonly deadline: number;
  readonly commits: readonly CommittedLog[];
}

const ETHER_DECIMALS = 18;

export function Rounds() {
  const facts = exchange.value;
  const now = chainClock.value;
  if (facts === undefined || now === undefined) return null;
  const commits = logsOf("committed");
  const numbers = [...new Set(commits.map(({ round }) => round))];
  const isDue = !now.halted && now.committedRound < now.round && !numbers.includes(now.round);
  const rows: RoundRow[] = (isDue ? [now.round, ...numbers] : numbers).map((round) => ({
    round,
    deadline: lastBlockOf(facts.schedule, round, 0),
    commits: commits.filter((log) => log.round === round).reverse(),
  }));
  return (
    <Panel title="Rounds" about="One commit a round, of every token's balances" flush>
      <DataTable
        caption="Rounds, newest first"
        rows={rows}
        keyOf={({ round }) => round}
        empty="The first commit is that of round 1."
        columns={[
          { name: "Round", cell: ({ round }) => <span class="strong">{round}</span> },
          {
            name: "Totals",
            cell: ({ commits: of }) =>
              of.length === 0 ? (
                <Tag tone="warn">due</Tag>
              ) : (
                of.map((log) => (
                  <div key={log.token}>
                    {tokenText(facts, log.token, log.total)}{" "}
                    <span class="muted small">{log.leafCount} leaves</span>
                  </div>
                ))
              ),
          },
          {
            name: "Roots",
            cell: ({ commits: of }) =>
              of.map((log) => (
                <div key={log.token}>
                  <Hash value={log.node} />
                </div>
              )),
          },
          {
            name: "Sent and attested by",
            cell: ({ commits: of }) => of[0] && <People hash={of[0].transactionHash} />,
          },
          {
            name: "Cost",
            isNumber: true,
            cell: ({ commits: of }) => of[0] && <Cost hash={of[0].transactionHash} />,
          },
          {
            name: "Block",
            isNumber: true,
            cell: ({ commits: of }) => (of[0] ? grouped(String(of[0].block)) : "–"),
          },
          {
            name: "Deadline",
            isNumber: true,
            cell: ({ deadline, commits: of }) =>
              of[0] ? (
                <span class="muted">
                  {of[0].block <= deadline ? "kept, " : ""}
                  {deadline - of[0].block} blocks before {grouped(String(deadline))}
                </span>
              ) : (
                <span class="warn">
                  {blocksText(Math.max(0, deadline - now.block), blockMs.value)} left
                </span>
              ),
          },
        ]}
      />
    </Panel>
  );
}

export function nameOf(address: Address): string {
  const known = chainOperators.value?.operators.find((one) => one.address === address);
  return known?.name ?? shortHex(address);
}

function People({ hash }: { readonly hash: Hex }) {
  const details = commitDetails.value.get(hash);
  if (details === undefined) return <span class="muted">…</span>;
  return (
    <>
      <div>
        <Hash value={details.sender} shown={nameOf(details.sender)} />
      </div>
      {details.attesters.map((one) => (
        <div key={one} class="muted">
          + <Hash value={one} shown={nameOf(one)} />
        </div>
      ))}
    </>
  );
}

function Cost({ hash }: { readonly hash: Hex }) {
  const details = commitDetails.value.get(hash);
  if (details === undefined) return <span class="muted">…</span>;
  return (
    <>
      <div>{grouped(String(details.gasUsed))} gas</div>
      <div class="muted small">{amountText(details.fee, ETHER_DECIMALS, 6)} ETH</div>
    </>
  );
}
