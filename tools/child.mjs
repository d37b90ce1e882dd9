// Runs one program in the place of this one: same terminal, its exit code, its end.
import { spawn } from "node:child_process";
import { constants } from "node:os";

/**
 * A terminal or a supervisor often signals the whole process group, so that the child has had the
 * signal already when we hear of it; and a second signal of one kind means "now, not cleanly". So
 * each is passed on as the other, once: the child gets both or one of them, and neither twice.
 */
const PASSED_ON_AS = { SIGINT: "SIGTERM", SIGTERM: "SIGINT" };

/** The child's exit code; 128 + n when signal n ended it, 127 when it cannot be started. */
export function runChild(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: "inherit", ...options });
    const passed = new Set();
    for (const [signal, other] of Object.entries(PASSED_ON_AS)) {
      process.on(signal, () => {
        if (!passed.has(signal)) child.kill(other);
        passed.add(signal);
      });
    }
    child.once("error", (error) => {
      console.error(`Cannot start ${command}: ${error.message}`);
      resolve(127);
    });
    child.once("exit", (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}
