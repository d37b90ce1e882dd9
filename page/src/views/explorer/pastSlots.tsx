/** The slots that are over: who held each, who had claimed it, and what was committed in it. */
import type { PastSlot } from "../../chain/pastSlots.ts";
import { commitDetails, logsOf, pastSlots } from "../../chain/state.ts";
import { grouped } from "../../ui/format.ts";
import { DataTable, Hash, Panel } from "../../ui/parts.tsx";
import { nameOf } from "./rounds.tsx";

export function PastSlots() {
  const slots = pastSlots.value;
  if (slots === undefined) return null;
  return (
    <Panel
      title="Past slots"
      about="By the claims on chain: whom the contract selected for each, at most ten"
      flush
    >
      <DataTable
        caption="Past slots, newest first"
        rows={slots}
        keyOf={({ slot }) => slot}
        empty="No slot is over yet, or none since the last maintenance."
        columns={[
          {
            name: "Slot",
            cell: ({ slot }) => <span class="strong">{slot === 0 ? "0, Genesis" : slot}</span>,
          },
          {
            name: "Blocks",
            isNumber: true,
            cell: ({ firstBlock, lastBlock }) =>
              `${firstBlock === undefined ? "" : grouped(String(firstBlock))} – ${grouped(String(lastBlock))}`,
          },
          { name: "Operator", cell: (one) => <Holder of={one} /> },
          {
            name: "Claimed by",
            cell: ({ claimed }) =>
              claimed.length === 0 ? (
                <span class="muted">nobody</span>
              ) : (
                claimed.map((one) => nameOf(one)).join(", ")
              ),
          },
          { name: "Committed in it", cell: (one) => <Commits of={one} /> },
        ]}
      />
    </Panel>
  );
}

function Holder({ of: { operator } }: { readonly of: PastSlot }) {
  if (operator === "nobody") return <span class="muted">nobody</span>;
  if (operator === "unknown") return <span class="muted">an earlier claimant</span>;
  return <Hash value={operator} shown={nameOf(operator)} />;
}

/** Rounds whose commit is in the slot, and the sender where it is not the slot's operator. */
function Commits({ of: { firstBlock = 0, lastBlock, operator } }: { readonly of: PastSlot }) {
  const inside = logsOf("committed").filter(
    ({ block }) => block >= firstBlock && block <= lastBlock,
  );
  const rounds = new Map(inside.map((log) => [log.round, log.transactionHash]));
  if (rounds.size === 0) return <span class="muted">–</span>;
  return [...rounds].map(([round, hash]) => {
    const sender = commitDetails.value.get(hash)?.sender;
    const isOther = sender !== undefined && sender !== operator;
    return (
      <div key={round}>
        round {round}
        {isOther ? <span class="muted">, by {nameOf(sender)}</span> : null}
      </div>
    );
  });
}
