/**
 * The few files that an operator writes beside its journal, in memory: what is written outlives the
 * process, and a process that ends while it writes has not written.
 */
import type { Clock } from "./clock.ts";

/** Paths below it are simulated, all others are the machine's. */
export const SIMULATED = "/simulated/";

const WRITE_MS = 2;

export class Files {
  readonly #clock: Clock;
  readonly #texts = new Map<string, string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  read(path: string): string {
    const text = this.#texts.get(path);
    if (text !== undefined) return text;
    throw Object.assign(new Error(`ENOENT: no such file, open '${path}'`), { code: "ENOENT" });
  }

  write(path: string, text: string): Promise<void> {
    return this.#later(() => this.#texts.set(path, text));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#later(() => {
      this.#texts.set(to, this.read(from));
      this.#texts.delete(from);
    });
  }

  #later(work: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#clock.ofProcess(WRITE_MS, () => {
        try {
          work();
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  }
}
