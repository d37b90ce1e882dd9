/**
 * Takes the real clock, network and files away from the operators' code, which needs no seam for
 * it: Node's own modules are replaced, and their imports follow (`syncBuiltinESMExports`).
 */
import fs from "node:fs";
import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import perfHooks from "node:perf_hooks";
import timersPromises from "node:timers/promises";
import type { Clock, Planned } from "./clock.ts";
import { type Files, SIMULATED } from "./files.ts";

/** The response that an endpoint sends back. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface Surroundings {
  readonly clock: Clock;
  readonly files: Files;
  /** Answers what a process fetches. */
  readonly request: (url: string, body: string) => Promise<Answer>;
  /** In place of the global of that name. */
  readonly WebSocket: new (
    url: string,
  ) => object;
}

interface PauseOptions {
  readonly signal?: AbortSignal;
}

const PLENTY = { bavail: 2 ** 30, bsize: 4096, files: 2 ** 30, ffree: 2 ** 30 };
const LITTLE_MEMORY = 2 ** 27;

/** Until the function that it returns is called, the process has no other clock and network. */
export function takeOver(surroundings: Surroundings): () => void {
  const { clock } = surroundings;
  const timeouts = new WeakMap<AbortSignal, Planned>();
  const restores = [
    replace(globalThis, { ...timersOf(clock), ...networkOf(surroundings, timeouts) }),
    replace(AbortSignal, { timeout: (ms: number) => abortAfter(clock, timeouts, ms) }),
    replace(Date, { now: () => clock.wallClock }),
    replace(timersPromises, {
      setTimeout: (ms?: number, value?: unknown, options?: PauseOptions) =>
        pause(clock, ms ?? 0, value, options),
      setImmediate: (value?: unknown, options?: PauseOptions) => pause(clock, 0, value, options),
    }),
    replace(perfHooks, QUIET_PERF_HOOKS),
    replace(performance, { now: () => clock.now }),
    replace(process.memoryUsage, { rss: () => LITTLE_MEMORY }),
    ...replaceFiles(surroundings.files),
  ];
  syncBuiltinESMExports();
  return () => {
    for (const restore of restores) restore();
    syncBuiltinESMExports();
  };
}

function replace(target: object, parts: Readonly<Record<string, unknown>>): () => void {
  const names = Object.keys(parts);
  const own = target as Record<string, unknown>;
  const kept = Object.fromEntries(names.map((name) => [name, own[name]]));
  Object.assign(own, parts);
  return () => Object.assign(own, kept);
}

function timersOf(clock: Clock) {
  const later = (run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) =>
    handleOf(clock.ofProcess(ms ?? 0, () => run(...args)));
  const cancel = (handle: { planned?: Planned } | undefined) => {
    if (handle?.planned !== undefined) handle.planned.cancelled = true;
  };
  const every = (run: () => void, ms = 1) => {
    const handle = handleOf(clock.ofProcess(ms, again));
    const plan = () => clock.ofProcess(ms, again);
    function again() {
      handle.planned = plan();
      run();
    }
    return handle;
  };
  return {
    setTimeout: later,
    clearTimeout: cancel,
    setInterval: every,
    clearInterval: cancel,
    setImmediate: (run: (...args: unknown[]) => void, ...args: unknown[]) => later(run, 0, ...args),
    clearImmediate: cancel,
  };
}

function handleOf(planned: Planned) {
  const handle = { planned, ref: () => handle, unref: () => handle, hasRef: () => true };
  return handle;
}

function networkOf({ request, WebSocket }: Surroundings, timeouts: WeakMap<AbortSignal, Planned>) {
  const fetch = (url: unknown, { body, signal }: RequestInit) =>
    new Promise((resolve, reject) => {
      const stop = () => reject(signal?.reason);
      if (signal?.aborted) return stop();
      signal?.addEventListener("abort", stop, { once: true });
      request(String(url), String(body)).then(({ status, text }) => {
        signal?.removeEventListener("abort", stop);
        // Nobody waits any more: one event less.
        const timeout = timeouts.get(signal as AbortSignal);
        if (timeout !== undefined) timeout.cancelled = true;
        resolve({
          ok: status === 200,
          status,
          statusText: status === 200 ? "OK" : "Bad",
          headers: { get: (name: string) => (/type/i.test(name) ? "application/json" : null) },
          body: null,
          text: async () => text,
          json: async () => JSON.parse(text) as unknown,
        });
      }, reject);
    });
  // The library builds a Request for a hook that nobody gave.
  return { fetch, Request: class {}, WebSocket };
}

function abortAfter(clock: Clock, timeouts: WeakMap<AbortSignal, Planned>, ms: number) {
  const controller = new AbortController();
  const reason = () => new DOMException("Timed out.", "TimeoutError");
  timeouts.set(
    controller.signal,
    clock.ofProcess(ms, () => controller.abort(reason())),
  );
  return controller.signal;
}

function pause(clock: Clock, ms: number, value: unknown, options?: PauseOptions) {
  const signal = options?.signal;
  return new Promise((resolve, reject) => {
    const stop = () => {
      event.cancelled = true;
      reject(new DOMException("The pause was cut short.", "AbortError"));
    };
    const event = clock.ofProcess(ms, () => {
      signal?.removeEventListener("abort", stop);
      resolve(value);
    });
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Of the machine's files only those below `SIMULATED` are others. */
function replaceFiles(simulated: Files): (() => void)[] {
  const { mkdirSync, readFileSync } = fs;
  const { rename, writeFile } = files;
  const isOurs = (path: unknown): path is string =>
    typeof path === "string" && path.startsWith(SIMULATED);
  return [
    replace(fs, {
      mkdirSync: (path: never, options: never) =>
        isOurs(path) ? undefined : mkdirSync(path, options),
      readFileSync: (path: never, options: never) =>
        isOurs(path) ? simulated.read(path) : readFileSync(path, options),
    }),
    replace(files, {
      statfs: async () => PLENTY,
      writeFile: (path: never, text: never, options: never) =>
        isOurs(path) ? simulated.write(path, String(text)) : writeFile(path, text, options),
      rename: (from: never, to: never) =>
        isOurs(from) ? simulated.rename(from, to) : rename(from, to),
    }),
  ];
}

/** These timers watch the real process, and would outlive the simulated one. */
const QUIET_PERF_HOOKS = {
  monitorEventLoopDelay: () => ({
    enable: () => true,
    disable: () => true,
    reset: () => {},
    percentile: () => 0,
  }),
  PerformanceObserver: class {
    observe(): void {}
    disconnect(): void {}
  },
};
