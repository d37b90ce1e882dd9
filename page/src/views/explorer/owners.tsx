/** What the owners can do, read from the chain, in the terms of L2BEAT's risk reports. */
import type { Address } from "../../../../src/base/hex.ts";
import { chainOperators, powers } from "../../chain/state.ts";
import { exchange } from "../../live/exchange.ts";
import { DataTable, Hash, Panel, Tag } from "../../ui/parts.tsx";

interface Risk {
  readonly name: string;
  readonly verdict: string;
  readonly tone: "good" | "warn" | "bad";
  readonly words: string;
}

/** The risks are the contract's code; `quorum` and the list are what the chain says of it now. */
function risksOf(quorum: number, operators: number): Risk[] {
  return [
    {
      name: "State validation",
      verdict: "Client proofs and disputes",
      tone: "good",
      words:
        "Each round commits a Merkle-sum root whose total must be the Mediator's own figure. A client whose balance does not follow opens a dispute; unanswered, it halts the exchange.",
    },
    {
      name: "Data availability",
      verdict: "Own proofs, kept by each client",
      tone: "warn",
      words:
        "Balances are not on chain. Proofs are fetched and kept each round, here in this browser; an operator that withholds them is forced by a dispute to publish them.",
    },
    {
      name: "Exit window",
      verdict: "No upgrades",
      tone: "good",
      words:
        "The contracts cannot be replaced, paused or changed by anybody: there is nothing to exit from in time.",
    },
    {
      name: "Sequencer failure",
      verdict: "Self-service exit",
      tone: "good",
      words:
        "Withdrawals are asked of the contract. Where no operator does its duties, the Mediator is HALTED, and everybody recovers without any operator.",
    },
    {
      name: "Proposer failure",
      verdict: operators > 1 ? `${operators} operators, and a rescue window` : "One operator",
      tone: operators > 1 ? "good" : "warn",
      words:
        quorum > 1
          ? `A commit takes ${quorum} operators: one stolen key cannot commit a wrong root.`
          : "One operator alone can commit; in the last blocks before a deadline any approved one may.",
    },
  ];
}

export function OwnersPowers() {
  const found = powers.value;
  const facts = exchange.value;
  if (found === undefined || facts === undefined) return null;
  const kind = (address: Address) =>
    found.isContract[address] ? "a contract (multisig or timelock)" : "a single key";
  const owners = [
    {
      of: "Mediator",
      address: found.mediatorOwner,
      pending: found.mediatorPending,
      can: "List further tokens. It cannot move money, change balances, pause, upgrade, or name operators.",
    },
    {
      of: "Operator manager",
      address: found.managerOwner,
      pending: found.managerPending,
      can: "Approve and remove operators, set the slots' length and the commit quorum, in maintenance. By removing all of them it can halt the exchange; it cannot take money.",
    },
  ];
  const risks = risksOf(found.commitQuorum, chainOperators.value?.operators.length ?? 1);
  return (
    <Panel title="Who could do what" about="Permissions and risks, in L2BEAT's terms" flush>
      <DataTable
        caption="Owners and their powers"
        rows={owners}
        keyOf={({ of }) => of}
        empty=""
        columns={[
          { name: "Owner of", cell: ({ of }) => <span class="strong">{of}</span> },
          {
            name: "Address",
            cell: ({ address, pending }) => (
              <>
                <Hash value={address} />
                <div class="muted small">{kind(address)}</div>
                {pending === undefined ? null : (
                  <div class="warn small">
                    offered to <Hash value={pending} />
                  </div>
                )}
              </>
            ),
          },
          { name: "Can", cell: ({ can }) => can },
        ]}
      />
      <DataTable
        caption="Risks"
        rows={risks}
        keyOf={({ name }) => name}
        empty=""
        columns={[
          { name: "Risk", cell: ({ name }) => <span class="strong">{name}</span> },
          { name: "Verdict", cell: ({ verdict, tone }) => <Tag tone={tone}>{verdict}</Tag> },
          { name: "Why", cell: ({ words }) => words },
        ]}
      />
    </Panel>
  );
}
