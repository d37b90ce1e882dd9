/** What clients ask of the contract: withdrawals and disputes, with what is left of their time. */
import type {
  DisputeOpenedLog,
  WithdrawalInitiatedLog,
} from "../../../../src/protocol/chainLog.ts";
import { closingWindow } from "../../../../src/protocol/disputeRule.ts";
import { firstPayableBlock } from "../../../../src/protocol/withdrawalRule.ts";
import { chainClock, logsOf } from "../../chain/state.ts";
import { blockMs, exchange } from "../../live/exchange.ts";
import { blocksText, grouped, tokenText } from "../../ui/format.ts";
import { DataTable, Hash, Panel, Tag } from "../../ui/parts.tsx";
import { nameOf } from "./rounds.tsx";

export function WithdrawalLogs() {
  const facts = exchange.value;
  const now = chainClock.value?.block ?? 0;
  if (facts === undefined) return null;
  const ended = (
    log: WithdrawalInitiatedLog,
    kind: "withdrawalConfirmed" | "withdrawalCancelled",
  ) =>
    logsOf(kind).find(
      (one) => one.client === log.client && one.token === log.token && one.round === log.round,
    );
  const state = (log: WithdrawalInitiatedLog) => {
    if (ended(log, "withdrawalConfirmed") !== undefined) return <Tag tone="good">paid</Tag>;
    if (ended(log, "withdrawalCancelled") !== undefined) return <Tag tone="bad">cancelled</Tag>;
    const left = firstPayableBlock(facts.schedule, log.round) - now;
    if (left <= 0) return <Tag tone="accent">payable</Tag>;
    return <span class="muted">payable in {blocksText(left, blockMs.value)}</span>;
  };
  return (
    <Panel title="Withdrawals" flush>
      <DataTable
        caption="Withdrawals, newest first"
        rows={logsOf("withdrawalInitiated")}
        keyOf={({ block, logIndex }) => `${block} ${logIndex}`}
        empty="Nobody asked for a withdrawal in these rounds."
        columns={[
          { name: "Client", cell: ({ client }) => <Hash value={client} /> },
          {
            name: "Amount",
            isNumber: true,
            cell: ({ token, amount }) => tokenText(facts, token, amount),
          },
          { name: "Round", isNumber: true, cell: ({ round }) => round },
          { name: "State", cell: state },
        ]}
      />
    </Panel>
  );
}

export function Disputes() {
  const facts = exchange.value;
  const now = chainClock.value?.block ?? 0;
  if (facts === undefined) return null;
  const closed = (log: DisputeOpenedLog) =>
    logsOf("disputeClosed").find((one) => one.client === log.client && one.round === log.round);
  const state = (log: DisputeOpenedLog) => {
    const end = closed(log);
    if (end !== undefined) return <Tag tone="good">answered by {nameOf(end.operator)}</Tag>;
    const left = closingWindow(facts.schedule, log.block).lastBlock - now;
    return (
      <Tag tone={left > 0 ? "warn" : "bad"}>
        {left > 0 ? `${blocksText(left, blockMs.value)} to answer, or HALTED` : "not answered"}
      </Tag>
    );
  };
  return (
    <Panel title="Disputes" flush>
      <DataTable
        caption="Disputes, newest first"
        rows={logsOf("disputeOpened")}
        keyOf={({ block, logIndex }) => `${block} ${logIndex}`}
        empty="No dispute was opened in these rounds."
        columns={[
          { name: "Client", cell: ({ client }) => <Hash value={client} /> },
          { name: "About", cell: ({ round }) => `round ${round - 1}` },
          { name: "Fills", isNumber: true, cell: ({ presented }) => presented },
          { name: "Opened", isNumber: true, cell: ({ block }) => grouped(String(block)) },
          { name: "State", cell: state },
        ]}
      />
    </Panel>
  );
}
