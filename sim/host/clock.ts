/**
 * Virtual time: a queue of events. While it is installed (globals.ts), every timer, pause and
 * request of the operators' code is an event of this queue, and nothing happens but the next event.
 * Several simulated processes share the queue; each event belongs to the process that planned it.
 */
import { AsyncLocalStorage } from "node:async_hooks";

const realTurn = setImmediate;
/** Any day: nothing may depend on it. Milliseconds since 1970. */
export const START = Date.UTC(2026, 0, 1);

/** One run of an operator, from its start to its end. */
export class Process {
  readonly name: string;
  /** Nothing of it happens any more. */
  ended = false;
  /**
   * The process is stopped until then, as by SIGSTOP: its events wait. Milliseconds of the clock.
   */
  pausedUntil = 0;
  /** Milliseconds by which its wall clock is wrong. */
  wallClockOffset = 0;

  constructor(name: string) {
    this.name = name;
  }
}

export interface Planned {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  /** Undefined: an event of the world, which no process takes away when it ends. */
  readonly process: Process | undefined;
  cancelled: boolean;
}

export class Clock {
  /** Milliseconds since the world began. */
  now = 0;
  #planned = 0;
  readonly #heap: Planned[] = [];
  /** The process whose code runs now, followed across promises. */
  readonly #running = new AsyncLocalStorage<Process | undefined>();

  /** An event of the world. */
  after(ms: number, run: () => void): Planned {
    return this.#plan(ms, run, undefined);
  }

  /** An event of the process that runs now, or of `process`. */
  ofProcess(ms: number, run: () => void, process = this.process): Planned {
    return this.#plan(ms, run, process);
  }

  /** The process whose code runs now. */
  get process(): Process | undefined {
    return this.#running.getStore();
  }

  /** Runs `work`, and all that follows from it, as code of `process`. */
  within<T>(process: Process | undefined, work: () => T): T {
    return this.#running.run(process, work);
  }

  /** The time as the running process believes it to be: milliseconds since 1970. */
  get wallClock(): number {
    return START + this.now + (this.process?.wallClockOffset ?? 0);
  }

  /** Lets events happen until none is left, or `done`. */
  async run(done: () => boolean): Promise<void> {
    while (!done()) {
      const next = this.#pop();
      if (next === undefined) return;
      const { process } = next;
      if (next.cancelled || process?.ended) continue;
      if (process !== undefined && process.pausedUntil > next.at) {
        this.#defer(next, process.pausedUntil);
        continue;
      }
      this.now = next.at;
      this.#running.run(process, next.run);
      // All that follows from it by promises happens before the next event.
      await new Promise((resolve) => realTurn(resolve));
    }
  }

  #plan(ms: number, run: () => void, process: Process | undefined): Planned {
    const wait = Number.isFinite(ms) && ms > 0 ? ms : 0;
    const at = this.now + wait;
    const event = { at, order: this.#planned++, run, process, cancelled: false };
    this.#push(event);
    return event;
  }

  /** The same event later; cancelling the first cancels this one. */
  #defer(event: Planned, at: number): void {
    const { process, order } = event;
    const run = () => {
      if (!event.cancelled) event.run();
    };
    this.#push({ at, order, run, process, cancelled: false });
  }

  #push(event: Planned): void {
    const heap = this.#heap;
    heap.push(event);
    for (let i = heap.length - 1; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (!isBefore(event, heap[parent] as Planned)) break;
      heap[i] = heap[parent] as Planned;
      heap[parent] = event;
      i = parent;
    }
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
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
