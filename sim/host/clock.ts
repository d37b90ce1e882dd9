/**
 * Virtual time. While it is installed, every timer, pause and request of the node's code is an
 * event of this queue, and nothing happens but the next event: no real clock and no real network is
 * looked at. No seam in the node is needed for it: Node's own modules are replaced, and their
 * imports follow (`syncBuiltinESMExports`).
 */
import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import perfHooks from "node:perf_hooks";
import timersPromises from "node:timers/promises";

const realTurn = setImmediate;

interface Planned {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  /** Of the process that planned it; events of a process that died do not happen. */
  readonly life: number | undefined;
  cancelled: boolean;
}

export class Clock {
  /** Milliseconds since the world began. */
  now = 0;
  #life = 0;
  #planned = 0;
  readonly #heap: Planned[] = [];
  readonly #timeouts = new WeakMap<AbortSignal, Planned>();
  #restore: (() => void) | undefined;

  /** An event of the world, which no crash of a process takes away. */
  after(ms: number, run: () => void): Planned {
    return this.#plan(ms, run, undefined);
  }

  /** An event of the process that runs now, or of the one with that `life`. */
  ofProcess(ms: number, run: () => void, life = this.#life): Planned {
    return this.#plan(ms, run, life);
  }

  /** Of the process that runs now. */
  get life(): number {
    return this.#life;
  }

  /** From here on nothing that the process of before waits for will come. */
  endProcess(): void {
    this.#life += 1;
  }

  /** Lets events happen until none is left, or `done`. */
  async run(done: () => boolean): Promise<void> {
    while (!done()) {
      const next = this.#pop();
      if (next === undefined) return;
      if (next.cancelled || (next.life !== undefined && next.life !== this.#life)) continue;
      this.now = next.at;
      next.run();
      // All that follows from it by promises happens before the next event.
      await new Promise((resolve) => realTurn(resolve));
    }
  }

  #plan(ms: number, run: () => void, life: number | undefined): Planned {
    const wait = Number.isFinite(ms) && ms > 0 ? ms : 0;
    const event = { at: this.now + wait, order: this.#planned++, run, life, cancelled: false };
    const heap = this.#heap;
    heap.push(event);
    for (let i = heap.length - 1; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (!isBefore(event, heap[parent] as Planned)) break;
      heap[i] = heap[parent] as Planned;
      heap[parent] = event;
      i = parent;
    }
    return event;
  }

  #pop(): Planned | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let i = 0; ; ) {
      const left = 2 * i + 1;
      const right = left + 1;
      let least = i;
      for (const child of [left, right]) {
        const item = heap[child];
        if (item !== undefined && isBefore(item, heap[least] as Planned)) least = child;
      }
      if (least === i) return first;
      [heap[i], heap[least]] = [heap[least] as Planned, heap[i] as Planned];
      i = least;
    }
  }

  /** Takes over from the real clock and network; `request` answers what the node fetches. */
  install(request: (url: string, body: string) => Promise<Answer>): void {
    const kept = {
      setTimeout: globalThis.setTimeout,
      clearTimeout: globalThis.clearTimeout,
      setInterval: globalThis.setInterval,
      clearInterval: globalThis.clearInterval,
      setImmediate: globalThis.setImmediate,
      clearImmediate: globalThis.clearImmediate,
      fetch: globalThis.fetch,
      Request: globalThis.Request,
    };
    const keptTimeout = AbortSignal.timeout;
    const keptNow = Date.now;
    const keptPauses = {
      setTimeout: timersPromises.setTimeout,
      setImmediate: timersPromises.setImmediate,
    };
    const keptPerf = {
      monitorEventLoopDelay: perfHooks.monitorEventLoopDelay,
      PerformanceObserver: perfHooks.PerformanceObserver,
    };
    const keptStat = files.statfs;
    const keptWatch = performance.now;
    const keptRss = process.memoryUsage.rss;

    Object.assign(globalThis, this.#globals(request));
    AbortSignal.timeout = (ms) => this.#abortAfter(ms);
    Date.now = () => START + this.now;
    Object.assign(timersPromises, {
      setTimeout: (ms?: number, value?: unknown, options?: PauseOptions) =>
        this.#pause(ms ?? 0, value, options),
      setImmediate: (value?: unknown, options?: PauseOptions) => this.#pause(0, value, options),
    });
    Object.assign(perfHooks, QUIET_PERF_HOOKS);
    files.statfs = (async () => PLENTY) as unknown as typeof keptStat;
    performance.now = () => this.now;
    process.memoryUsage.rss = () => LITTLE_MEMORY;
    syncBuiltinESMExports();

    this.#restore = () => {
      Object.assign(globalThis, kept);
      AbortSignal.timeout = keptTimeout;
      Date.now = keptNow;
      Object.assign(timersPromises, keptPauses);
      Object.assign(perfHooks, keptPerf);
      files.statfs = keptStat;
      performance.now = keptWatch;
      process.memoryUsage.rss = keptRss;
      syncBuiltinESMExports();
    };
  }

  uninstall(): void {
    this.#restore?.();
    this.#restore = undefined;
  }

  #globals(request: (url: string, body: string) => Promise<Answer>) {
    const later = (run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) =>
      handleOf(this.ofProcess(ms ?? 0, () => run(...args)));
    const cancel = (handle: { planned?: Planned } | undefined) => {
      if (handle?.planned !== undefined) handle.planned.cancelled = true;
    };
    const every = (run: () => void, ms = 1) => {
      const handle = handleOf(this.ofProcess(ms, again));
      const plan = () => this.ofProcess(ms, again);
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
      setImmediate: (run: (...args: unknown[]) => void, ...args: unknown[]) =>
        later(run, 0, ...args),
      clearImmediate: cancel,
      fetch: (url: unknown, init: RequestInit) => this.#fetch(request, String(url), init),
      // The library builds one for a hook that nobody gave.
      Request: class {},
    };
  }

  #abortAfter(ms: number): AbortSignal {
    const controller = new AbortController();
    const reason = () => new DOMException("Timed out.", "TimeoutError");
    const planned = this.ofProcess(ms, () => controller.abort(reason()));
    this.#timeouts.set(controller.signal, planned);
    return controller.signal;
  }

  #pause(ms: number, value: unknown, options?: PauseOptions): Promise<unknown> {
    const signal = options?.signal;
    return new Promise((resolve, reject) => {
      const stop = () => {
        event.cancelled = true;
        reject(new DOMException("The pause was cut short.", "AbortError"));
      };
      const event = this.ofProcess(ms, () => {
        signal?.removeEventListener("abort", stop);
        resolve(value);
      });
      if (signal?.aborted) stop();
      else signal?.addEventListener("abort", stop, { once: true });
    });
  }

  #fetch(
    request: (url: string, body: string) => Promise<Answer>,
    url: string,
    { body, signal }: RequestInit,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const stop = () => reject(signal?.reason);
      if (signal?.aborted) return stop();
      signal?.addEventListener("abort", stop, { once: true });
      request(url, String(body)).then(({ status, text }) => {
        signal?.removeEventListener("abort", stop);
        // Nobody waits any more: one event less.
        const timeout = this.#timeouts.get(signal as AbortSignal);
        if (timeout !== undefined) timeout.cancelled = true;
        resolve({
          ok: status === 200,
          status,
          statusText: status === 200 ? "OK" : "Bad",
          headers: { get: (name: string) => (/type/i.test(name) ? "application/json" : null) },
          body: null,
          text: async () => text,
        });
      }, reject);
    });
  }
}

/** What an endpoint sends back. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

interface PauseOptions {
  readonly signal?: AbortSignal;
}

const PLENTY = { bavail: 2 ** 30, bsize: 4096, files: 2 ** 30, ffree: 2 ** 30 };
const LITTLE_MEMORY = 2 ** 27;
/** An arbitrary day: nothing may hang on it. */
const START = Date.UTC(2026, 0, 1);

function handleOf(planned: Planned) {
  const handle = { planned, ref: () => handle, unref: () => handle, hasRef: () => true };
  return handle;
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** They watch the real process, and would outlive the simulated one. */
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
