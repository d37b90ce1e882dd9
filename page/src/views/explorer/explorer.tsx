/** Everything of the exchange that is on chain, read by the visitor's own endpoint. */
import { isOffered, rpcUrl } from "../../chain/endpoint.ts";
import { chainClock, chainProblem, logsFrom } from "../../chain/state.ts";
import { grouped } from "../../ui/format.ts";
import { Empty, Panel } from "../../ui/parts.tsx";
import { dialog } from "../../wallet/state.ts";
import { useOperators } from "../operators/follow.ts";
import { Disputes, WithdrawalLogs } from "./claims.tsx";
import { OwnersPowers } from "./owners.tsx";
import { PastSlots } from "./pastSlots.tsx";
import { Rounds } from "./rounds.tsx";
import { Slots } from "./slots.tsx";

export function Explorer() {
  const now = chainClock.value;
  // The chain knows who holds a slot; who takes orders is the operators' own word.
  useOperators();
  return (
    <>
      <div class="page-head">
        <div>
          <h1>On chain</h1>
          <p>
            {isOffered.value
              ? "Read by the endpoint that the operator offers: name your own to believe nobody. "
              : "Read by your own endpoint, and by nobody’s word. "}
            {now === undefined
              ? ""
              : `Block ${grouped(String(now.block))}, with all logs from block ${grouped(String(logsFrom.value))} on.`}
          </p>
        </div>
      </div>
      {now === undefined ? <NoChain /> : <Parts />}
    </>
  );
}

function Parts() {
  return (
    <div class="stack">
      <Rounds />
      <div class="columns two">
        <Slots />
        <PastSlots />
      </div>
      <div class="columns two">
        <WithdrawalLogs />
        <Disputes />
      </div>
      <OwnersPowers />
    </div>
  );
}

function NoChain() {
  return (
    <Panel title="The chain">
      <Empty>
        <p>
          {rpcUrl.value === undefined
            ? "Name an endpoint of the chain to read it."
            : (chainProblem.value ?? "Reading the chain …")}
        </p>
        <button
          type="button"
          class="button"
          onClick={() => {
            dialog.value = "endpoint";
          }}
        >
          Choose an endpoint
        </button>
      </Empty>
    </Panel>
  );
}
