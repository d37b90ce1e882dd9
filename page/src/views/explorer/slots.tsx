/** Operators with their slots: who may act now and next, who claimed, and who leads. */
import { chainOperators } from "../../chain/state.ts";
import { blockMs, leaderUrl } from "../../live/exchange.ts";
import { blocksText, sameUrl } from "../../ui/format.ts";
import { DataTable, Hash, Panel, Tag } from "../../ui/parts.tsx";

export function Slots() {
  const { slots, operators = [] } = chainOperators.value ?? {};
  const about =
    slots === undefined
      ? "One operator, without slots"
      : slots.inMaintenance
        ? "In maintenance: nobody is selected, and any of them may act in the rescue window"
        : `Slot ${slots.slot}, ${blocksText((slots.lastBlock ?? slots.block) - slots.block, blockMs.value)} left; slots of ${slots.slotSize} blocks`;
  return (
    <Panel title="Operators" about={about} flush>
      <DataTable
        caption="Operators and their slots"
        rows={operators}
        keyOf={({ address }) => address}
        empty="No operator is approved."
        columns={[
          {
            name: "Operator",
            cell: ({ name, address }) => (
              <>
                <div class="strong">{name}</div>
                <span class="muted small">
                  <Hash value={address} />
                </span>
              </>
            ),
          },
          {
            name: "This slot",
            cell: ({ address }) =>
              slots === undefined || slots.operator === address ? (
                <Tag tone="accent">acts</Tag>
              ) : (
                <span class="muted">–</span>
              ),
          },
          {
            name: "Next slot",
            cell: ({ address }) => (
              <>
                {slots?.claimed.includes(address) ? <Tag>claimed</Tag> : null}{" "}
                {slots?.forecast === address ? <Tag tone="good">selected</Tag> : null}
              </>
            ),
          },
          {
            name: "Orders",
            cell: ({ endpoint }) =>
              leaderUrl.value !== null && sameUrl(endpoint, leaderUrl.value) ? (
                <Tag tone="good">leads</Tag>
              ) : null,
          },
        ]}
      />
    </Panel>
  );
}
