import type { ChildProcess } from "node:child_process";
import { within } from "../base/within.ts";

/** Milliseconds to wait for what a child printed last: children of its own may hold its pipe. */
const LAST_WORDS_MS = 1000;

/**
 * Exit code or signal of a child, once all that it printed was read: an exit is told before that.
 * Never for one that could not be started, whose error is the caller's to hear.
 */
export async function endOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  const closed = new Promise((resolve) => child.once("close", resolve));
  const end = await new Promise<number | NodeJS.Signals>((resolve) =>
    child.once("exit", (code, signal) => resolve(code ?? signal ?? 1)),
  );
  await within(LAST_WORDS_MS, closed);
  return end;
}
