/** The proof of a balance, from the leaf to the root on chain, every hash computed in this page. */
import { useEffect, useState } from "preact/hooks";
import type { Address } from "../../../../src/base/hex.ts";
import type { ProofPath } from "../../chain/proofPath.ts";
import { exchange } from "../../live/exchange.ts";
import { amountText, decimalsOf, messageOf, symbolOf } from "../../ui/format.ts";
import { Empty, Hash, Panel, Segments, Tag } from "../../ui/parts.tsx";
import { account, audited, dialog } from "../../wallet/state.ts";

type Loaded = { readonly path: ProofPath } | { readonly problem: string } | undefined;

export function Proofs() {
  const report = audited.value;
  const facts = exchange.value;
  const [chosen, setChosen] = useState<Address>();
  const held = account.value;
  const proven = report?.balances ?? [];
  const token = proven.some((one) => one.token === chosen) ? chosen : proven[0]?.token;
  const loaded = usePath(token, report?.round);
  if (facts === undefined || held === undefined || token === undefined) {
    return (
      <Panel title="Proof of your balance">
        <Empty>
          <p>
            {held === undefined
              ? "Your balance is a leaf of a tree whose root is on chain. Connect to see every hash on the way, computed here."
              : "Your leaf comes with the next commit after your first deposit."}
          </p>
          {held === undefined ? (
            <button type="button" class="button" onClick={connect}>
              Connect
            </button>
          ) : null}
        </Empty>
      </Panel>
    );
  }
  const options = proven.map((one) => [one.token, symbolOf(facts, one.token)] as const);
  return (
    <Panel
      title="Proof of your balance"
      about={`Opening of round ${report?.round}, from your leaf to what the Mediator stores`}
      actions={
        <Segments
          label="Token"
          options={options}
          value={token}
          onChange={(one) => setChosen(one)}
        />
      }
    >
      {loaded === undefined ? <p class="muted">Computing …</p> : null}
      {loaded !== undefined && "problem" in loaded ? (
        <p class="notice warn">{loaded.problem}</p>
      ) : null}
      {loaded !== undefined && "path" in loaded ? (
        <PathView
          path={loaded.path}
          symbol={symbolOf(facts, token)}
          decimals={decimalsOf(facts, token)}
        />
      ) : null}
    </Panel>
  );
}

function usePath(token: Address | undefined, round: number | undefined): Loaded {
  const [loaded, setLoaded] = useState<Loaded>();
  const client = account.value?.client;
  useEffect(() => {
    if (client === undefined || token === undefined || round === undefined) return;
    let isOver = false;
    const work = async (): Promise<Loaded> => {
      const { proofPath } = await import("../../chain/proofPath.ts");
      const [proof, committed] = await Promise.all([
        client.provenBalance(token, round),
        client.reader.commitment(round, token),
      ]);
      if (committed === undefined) return { problem: `Round ${round} is not committed.` };
      return { path: proofPath(committed, client.address, proof) };
    };
    work()
      .catch((error: unknown): Loaded => ({ problem: messageOf(error) }))
      .then((result) => {
        if (!isOver) setLoaded(result);
      });
    return () => {
      isOver = true;
    };
  }, [client, token, round]);
  return loaded;
}

interface PathViewProps {
  readonly path: ProofPath;
  readonly symbol: string;
  readonly decimals: number;
}

function PathView({ path, symbol, decimals }: PathViewProps) {
  const { leaf, steps, root, computed, committed, isTrue } = path;
  const text = (sum: bigint) => `${amountText(sum, decimals)} ${symbol}`;
  return (
    <div class="proof" data-testid="proof">
      <ol class="proof-steps">
        <li class="proof-step own">
          <span class="proof-name">Your leaf</span>
          <span class="strong">{text(leaf.sum)}</span>
          <Hash value={leaf.hash} />
        </li>
        {steps.map(({ level, left, right, own, parent }) => {
          const sibling = own === "left" ? right : left;
          return (
            <li key={level} class="proof-step">
              <span class="proof-name">
                Level {level}, with the {own === "left" ? "right" : "left"} sibling
              </span>
              <span class="muted">
                + {text(sibling.sum)} <Hash value={sibling.hash} />
              </span>
              <span class="proof-parent">
                = {text(parent.sum)} <Hash value={parent.hash} />
              </span>
            </li>
          );
        })}
        <li class="proof-step root">
          <span class="proof-name">Root, total and {root.leafCount} leaves, hashed here</span>
          <span class="strong">{text(root.sum)}</span>
          <Hash value={computed} />
        </li>
        <li class="proof-step chain">
          <span class="proof-name">Stored by the Mediator</span>
          <Hash value={committed} />
          {isTrue ? <Tag tone="good">The same: proven</Tag> : <Tag tone="bad">Not the same</Tag>}
        </li>
      </ol>
    </div>
  );
}

function connect(): void {
  dialog.value = "connect";
}
