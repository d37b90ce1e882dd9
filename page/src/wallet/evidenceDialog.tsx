/** Evidence as a file: a copy to keep elsewhere, or what another browser or command kept. */
import { useState } from "preact/hooks";
import { messageOf } from "../ui/format.ts";
import { Dialog } from "../ui/parts.tsx";
import type { ImportReport } from "./evidence.ts";
import { evidence } from "./lazy.ts";
import { audited } from "./state.ts";

/** Refused lines that are named one by one. */
const MOST_NAMED = 8;

type Outcome =
  | { readonly kind: "exported"; readonly name: string; readonly records: number }
  | { readonly kind: "imported"; readonly name: string; readonly report: ImportReport }
  | { readonly kind: "failed"; readonly problem: string };

export function EvidenceDialog({ onClose }: { readonly onClose: () => void }) {
  const [outcome, setOutcome] = useState<Outcome>();
  const [isBusy, setBusy] = useState(false);
  const work = async (step: () => Promise<Outcome>) => {
    setBusy(true);
    setOutcome(undefined);
    const failed = (error: unknown): Outcome => ({ kind: "failed", problem: messageOf(error) });
    setOutcome(await step().catch(failed));
    setBusy(false);
  };
  const records = audited.value?.records;
  return (
    <Dialog title="Your evidence" onClose={onClose}>
      <p class="muted">
        Proofs of your balances, your signed orders, and the operators&rsquo; signatures on fills:
        what gets your money out, whatever an operator says. This browser keeps
        {records === undefined ? " them" : ` ${records} records`}; keep a copy of them elsewhere
        too.
      </p>
      <div class="choices">
        <button type="button" class="choice" disabled={isBusy} onClick={() => void work(exportAll)}>
          <span>
            Export to a file
            <small>
              For a backup, another browser, or the command &ldquo;quarterdeck trader&rdquo;
            </small>
          </span>
        </button>
        <label class="choice file-choice">
          <span>
            Import from a file
            <small>Each record is held against the chain before it is kept</small>
          </span>
          <input
            type="file"
            class="only-spoken"
            accept=".jsonl,.json,.txt"
            disabled={isBusy}
            onChange={({ currentTarget }) => {
              const [file] = currentTarget.files ?? [];
              if (file !== undefined) void work(() => importOne(file));
              // The same file again is another choice.
              currentTarget.value = "";
            }}
          />
        </label>
      </div>
      <div role="status">
        {isBusy ? <p class="notice">Reading …</p> : null}
        {outcome === undefined ? null : <Told outcome={outcome} />}
      </div>
    </Dialog>
  );
}

async function exportAll(): Promise<Outcome> {
  const { name, text, records } = await (await evidence()).exportToFile();
  const url = URL.createObjectURL(new Blob([text], { type: "application/jsonl" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
  return { kind: "exported", name, records };
}

async function importOne(file: File): Promise<Outcome> {
  const report = await (await evidence()).importFile(await file.text());
  return { kind: "imported", name: file.name, report };
}

function Told({ outcome }: { readonly outcome: Outcome }) {
  if (outcome.kind === "failed") return <p class="notice bad">{outcome.problem}</p>;
  if (outcome.kind === "exported") {
    return (
      <p class="notice">
        {outcome.records} records are in {outcome.name}.
      </p>
    );
  }
  const { added, known, refused, rejected } = outcome.report;
  const problems = [
    ...refused.map(({ line, problem }) => (line === 0 ? problem : `Line ${line}: ${problem}`)),
    ...rejected.map(
      ({ round, token, orderHash, why }) =>
        `Round ${round}, ${(token ?? orderHash ?? "statement").slice(0, 10)}: ${why}`,
    ),
  ];
  return (
    <div class={problems.length === 0 ? "notice" : "notice warn"}>
      {added} added, {known} known already, {problems.length} refused.
      {problems.length === 0 ? null : (
        <ul>
          {problems.slice(0, MOST_NAMED).map((one) => (
            <li key={one}>{one}.</li>
          ))}
          {problems.length > MOST_NAMED ? <li>and {problems.length - MOST_NAMED} more</li> : null}
        </ul>
      )}
    </div>
  );
}
