/**
 * Proves a journal: every record is whole and linked to the one before it, all of them replay from
 * the first, every snapshot holds the state that the records lead to, and every root that the
 * machine opened a round with is the one that the Mediator holds.
 */
import type { Address, Hex } from "../../base/hex.ts";
import { MediatorReader } from "../../chain/contracts/mediator.ts";
import { ask, connect, readChainId } from "../../chain/rpc/rpc.ts";
import type { Genesis } from "../../exchange/model/entries.ts";
import type { Outcome } from "../../exchange/model/outcome.ts";
import type { State } from "../../exchange/model/state.ts";
import { stateHash } from "../../exchange/snapshots/stateHash.ts";
import { JournalDamaged } from "../../journal/errors.ts";
import type { JournalReader, VerifyReport } from "../../journal/journal.ts";
import { rootCommitment } from "../../protocol/sumTree.ts";
import type { BlockNumber, Round } from "../../protocol/units.ts";
import { ReplayFailed, replayRecords } from "./replay.ts";
import { newestSavedState, type UnusableSnapshot } from "./savedState.ts";

/** Something that is not as it must be. */
export interface Finding {
  readonly what: "record" | "snapshot" | "replay" | "root" | "chain";
  /** The record at which it shows; undefined where none is to blame. */
  readonly sequence: number | undefined;
  /** Expected and found, as a sentence. */
  readonly problem: string;
}

/** The parts that were compared with the chain. */
export interface ChainProof {
  /** Roots that are those of the Mediator. */
  readonly roots: number;
  /** Roots of the last round that the Mediator does not have yet. */
  readonly pending: number;
}

export interface JournalProof {
  /** The first of each kind that the ones after it may follow from; empty: all is as it must be. */
  readonly findings: readonly Finding[];
  /** Undefined where the records are damaged. */
  readonly storage: VerifyReport | undefined;
  /** Undefined where the records could not all be replayed. */
  readonly replayed: ReplayedJournal | undefined;
  /** Undefined when no endpoint was given, or there was nothing to compare. */
  readonly chain: ChainProof | undefined;
}

export interface ReplayedJournal {
  readonly genesis: Genesis;
  readonly records: number;
  /** Snapshots whose state the records led to. */
  readonly snapshots: readonly number[];
  readonly stateHash: Hex;
  /** The last block taken. */
  readonly block: BlockNumber | undefined;
  readonly round: Round;
}

export interface ProveOptions {
  /** JSON-RPC endpoints; without them nothing is compared with the chain. */
  readonly rpc?: readonly string[] | undefined;
  /** `done` of `total` records were checked, then replayed. */
  readonly onProgress?: (step: "checked" | "replayed", done: number, total: number) => void;
}

interface OpenedRoot {
  readonly round: Round;
  readonly token: Address;
  readonly commitment: Hex;
  readonly sequence: number;
}

/**
 * Changes nothing; the journal may be at work: what is appended meanwhile may be left out. Work
 * grows with all records. Throws `RpcUnavailable`, `StorageFailure`.
 */
export async function proveJournal(
  journal: JournalReader,
  options: ProveOptions = {},
): Promise<JournalProof> {
  const findings: Finding[] = [];
  const nothing = { findings, storage: undefined, replayed: undefined, chain: undefined };
  const storage = await checkStorage(journal, options, findings);
  if (storage === undefined) return nothing;

  const saved = await readSnapshots(journal, findings);
  const outcome = await replayAll(journal, saved, options, findings);
  if (outcome === undefined) return { ...nothing, storage };

  const { replayed, roots, state } = outcome;
  const chain =
    options.rpc === undefined
      ? undefined
      : await compareWithChain(options.rpc, state, roots, findings);
  return { findings, storage, replayed, chain };
}

async function checkStorage(
  journal: JournalReader,
  { onProgress }: ProveOptions,
  findings: Finding[],
): Promise<VerifyReport | undefined> {
  try {
    return await journal.verify({
      snapshots: false,
      onProgress: (done, total) => onProgress?.("checked", done, total),
    });
  } catch (error) {
    if (!(error instanceof JournalDamaged)) throw error;
    findings.push({ what: "record", sequence: error.sequence, problem: error.message });
    return undefined;
  }
}

/** The state that each usable snapshot leads to, by its sequence. */
async function readSnapshots(
  journal: JournalReader,
  findings: Finding[],
): Promise<Map<number, Hex>> {
  const found = new Map<number, Hex>();
  const onUnusable = ({ sequence, problem }: UnusableSnapshot) =>
    findings.push({ what: "snapshot", sequence, problem });
  let saved = await newestSavedState(journal, onUnusable);
  while (saved !== undefined) {
    found.set(saved.sequence, stateHash(saved.state));
    saved = await newestSavedState(journal, onUnusable, saved.sequence - 1);
  }
  return found;
}

async function replayAll(
  journal: JournalReader,
  saved: ReadonlyMap<number, Hex>,
  { onProgress }: ProveOptions,
  findings: Finding[],
) {
  const roots: OpenedRoot[] = [];
  const same: number[] = [];
  const onApplied = (sequence: number, state: State, outcome: Outcome | undefined) => {
    for (const event of outcome?.events ?? []) {
      if (event.what !== "roundClosed") continue;
      for (const root of event.roots) {
        const commitment = rootCommitment(root);
        roots.push({ round: event.closed + 1, token: root.token, commitment, sequence });
      }
    }
    const expected = saved.get(sequence);
    if (expected !== undefined && sameState(sequence, expected, state, findings)) {
      same.push(sequence);
    }
  };
  const { sequence: last } = await journal.refresh();
  try {
    const { state, sequence } = await replayRecords(journal, undefined, onApplied, (done) =>
      onProgress?.("replayed", done, Math.max(done, last)),
    );
    const replayed: ReplayedJournal = {
      genesis: state.genesis,
      records: sequence,
      snapshots: same,
      stateHash: stateHash(state),
      block: state.head?.number,
      round: state.moment.round,
    };
    return { replayed, roots, state };
  } catch (error) {
    if (!(error instanceof ReplayFailed)) throw error;
    findings.push({ what: "replay", sequence: error.sequence, problem: error.message });
    return undefined;
  }
}

function sameState(sequence: number, expected: Hex, state: State, findings: Finding[]): boolean {
  const found = stateHash(state);
  if (found === expected) return true;
  const problem =
    `The snapshot at record ${sequence} holds the state ${expected}, and the records lead to ` +
    `${found}.`;
  findings.push({ what: "snapshot", sequence, problem });
  return false;
}

/** Reads at once. */
const ROOTS_AT_ONCE = 16;

async function compareWithChain(
  rpc: readonly string[],
  state: State,
  roots: readonly OpenedRoot[],
  findings: Finding[],
): Promise<ChainProof | undefined> {
  const { chainId, mediator } = state.genesis;
  const served = await readChainId(rpc);
  if (served !== chainId) {
    const problem = `The journal is of chain ${chainId}, and the endpoints serve chain ${served}.`;
    findings.push({ what: "chain", sequence: undefined, problem });
    return undefined;
  }
  const client = connect(rpc, { chainId });
  if (state.head !== undefined) {
    const { number, hash } = state.head;
    const block = await ask("a block", () => client.getBlock({ blockNumber: BigInt(number) }));
    if (block.hash !== hash) {
      const problem = `The journal took block ${number} as ${hash}, and the chain has ${block.hash}.`;
      findings.push({ what: "chain", sequence: undefined, problem });
      return undefined;
    }
  }
  return compareRoots(new MediatorReader(client, mediator), roots, findings);
}

async function compareRoots(
  reader: MediatorReader,
  roots: readonly OpenedRoot[],
  findings: Finding[],
): Promise<ChainProof> {
  const lastRound = roots.at(-1)?.round;
  let same = 0;
  let pending = 0;
  for (let at = 0; at < roots.length; at += ROOTS_AT_ONCE) {
    const some = roots.slice(at, at + ROOTS_AT_ONCE);
    const committed = await Promise.all(
      some.map(({ round, token }) => reader.commitment(round, token)),
    );
    for (const [i, { round, token, commitment, sequence }] of some.entries()) {
      const found = committed[i];
      if (found === commitment) same += 1;
      else if (found === undefined && round === lastRound) pending += 1;
      else {
        const problem =
          `The root of ${token} in round ${round} is ${commitment} by the records, and ` +
          `${found ?? "none"} in the Mediator ${reader.mediator}.`;
        findings.push({ what: "root", sequence, problem });
      }
    }
  }
  return { roots: same, pending };
}
