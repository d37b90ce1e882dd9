/**
 * How far a long command is: one line that is rewritten in a terminal, elsewhere a line now and
 * then.
 */

const TERMINAL_MS = 100;
const PLAIN_MS = 5000;

export class Progress {
  readonly #output: NodeJS.WriteStream;
  readonly #things: string;
  readonly #everyMs: number;
  #saidAt = performance.now();
  #written = false;

  /** `things`: what is counted, such as "records". */
  constructor(output: NodeJS.WriteStream, things: string) {
    this.#output = output;
    this.#things = things;
    this.#everyMs = output.isTTY ? TERMINAL_MS : PLAIN_MS;
  }

  /** `done` of `total` were `step`, such as "verified". */
  readonly show = (step: string, done: number, total: number): void => {
    const now = performance.now();
    if (now - this.#saidAt < this.#everyMs) return;
    this.#saidAt = now;
    const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
    const line = `${step} ${done} of ${total} ${this.#things} (${percent} %)`;
    this.#output.write(this.#output.isTTY ? `\r\u001b[2K${line}` : `${line}\n`);
    this.#written = true;
  };

  /** Clears the terminal's line. */
  end(): void {
    if (this.#written && this.#output.isTTY) this.#output.write("\r\u001b[2K");
  }
}
