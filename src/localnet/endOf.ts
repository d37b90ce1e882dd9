import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { within } from "../base/within.ts";

/** Milliseconds to wait for what a child printed last: children of its own may hold its pipe. */
const LAST_WORDS_MS = 1000;

/**
 * Exit code or signal of a child, once all that it printed was read: an exit is told before that.
 * Never for one that could not be started.
 */
export async function endOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  const closed = once(child, "close");
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  await within(LAST_WORDS_MS, closed);
  return code ?? signal ?? 1;
}
