// Runs one program in the place of this one: same terminal, its exit code, its end; and notices
// when whoever launched this one is gone.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";

/**
 * A terminal or a supervisor often signals the whole process group, so that the child has had the
 * signal already when we hear of it; and a second signal of one kind means "now, not cleanly". So
 * each is passed on as the other, once: the child gets both or one of them, and neither twice.
 */
const PASSED_ON_AS = { SIGINT: "SIGTERM", SIGTERM: "SIGINT" };
/** Holds the process id of a launcher that its child shall not outlive. */
const LAUNCHER_VARIABLE = "QUARTERDECK_LAUNCHER";
const LOOK_MS = 1000;

/** The child's exit code; 128 + n when signal n ended it, 127 when it cannot be started. */
export function runChild(command, args, options = {}) {
  return new Promise((resolve) => {
    const env = { ...(options.env ?? process.env), [LAUNCHER_VARIABLE]: String(process.pid) };
    const child = spawn(command, args, { stdio: "inherit", ...options, env });
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

/**
 * Ends this process, as SIGTERM does, when its launcher is gone. A launcher is npm, which starts a
 * shell and passes no signal on through it, or a program that named itself in `LAUNCHER_VARIABLE`.
 * Started by anything else this process has none, and may outlive the shell that it came from.
 */
export function endWithLauncher() {
  const launchers = launchersOf(process.env);
  delete process.env[LAUNCHER_VARIABLE];
  if (launchers.length === 0) return;
  const timer = setInterval(() => {
    if (launchers.every(({ parent, pid }) => parent() === pid)) return;
    clearInterval(timer);
    console.error("quarterdeck: the program that launched this one is gone: stopping");
    process.kill(process.pid, "SIGTERM");
  }, LOOK_MS);
  timer.unref();
}

/** Each a process that must stay the parent that it is. */
function launchersOf(environment) {
  const pid = process.ppid;
  const own = { pid, parent: () => process.ppid };
  if (environment[LAUNCHER_VARIABLE] === String(pid)) return [own];
  if (environment.npm_command === undefined || pid === 1) return [];
  // Where a shell is in between, npm is the shell's parent.
  const above = isShell(pid) ? parentOf(pid) : undefined;
  return above === undefined ? [own] : [own, { pid: above, parent: () => parentOf(pid) }];
}

function isShell(pid) {
  return /^(sh|ash|dash|bash|zsh|busybox)$/.test(read(`/proc/${pid}/comm`)?.trim() ?? "");
}

/** Known on Linux only. */
function parentOf(pid) {
  const parent = /^PPid:\s*(\d+)$/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1];
  return parent === undefined ? undefined : Number(parent);
}

function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
