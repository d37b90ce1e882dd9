/** Faults that the audit found: each is worth a dispute, and time runs. */
import { signal } from "@preact/signals";
import { toast, toastError } from "../../ui/toasts.tsx";
import { dispute } from "../../wallet/actions.ts";
import { account, audited } from "../../wallet/state.ts";

const isSending = signal(false);

const WORDS: Readonly<Record<string, string>> = {
  notCommitted: "A token was not committed in time.",
  noProof: "The operator sent no proof of your balance.",
  badProof: "The proof does not lead to what is committed.",
  badFill: "An execution is not within its order.",
  noOpening: "The proof of the round before is missing.",
  noFills: "Your balance does not follow from the fills that were shown.",
  wrongBalance: "The committed balance is not what your orders leave.",
};

export function Faults() {
  const faults = audited.value?.faults ?? [];
  if (faults.length === 0) return null;
  const open = async () => {
    isSending.value = true;
    await dispute().then(
      () => toast("The dispute is open: the operator must answer on chain, or the exchange halts."),
      toastError,
    );
    isSending.value = false;
  };
  const kinds = [...new Set(faults.map(({ kind }) => kind))];
  return (
    <div class="notice bad fault-box" role="alert">
      <div>
        <strong>The operator does not account for your money.</strong>
        <ul>
          {kinds.map((kind) => (
            <li key={kind}>{WORDS[kind] ?? kind}</li>
          ))}
        </ul>
      </div>
      <button
        type="button"
        class="button"
        disabled={isSending.value || account.value?.owner === undefined}
        onClick={() => void open()}
      >
        Open a dispute
      </button>
    </div>
  );
}
