/** Between one operator and the shared database: a network that delays, cuts and loses. */
import { StorageFailure, type StorageFailureCode } from "../../src/journal/errors.ts";
import type { Clock, Process } from "./clock.ts";
import type { DatabaseLink } from "./database.ts";

/** The fate of one statement. */
export interface StatementFate {
  /**
   * refused: no connection. silent: it never arrives. readOnly: the database takes no writes.
   * answerLost: it is carried out, and its sender gets no answer.
   */
  readonly kind: "well" | "refused" | "silent" | "readOnly" | "answerLost";
  /** Milliseconds until it arrives; more than `ANSWER_MS`: after its sender has given up. */
  readonly there: number;
  /** Milliseconds that the answer takes. */
  readonly back: number;
}

/** Milliseconds after which a statement counts as unanswered. */
export const ANSWER_MS = 5000;

export class SimulatedLink implements DatabaseLink {
  readonly location = "simulated database";
  readonly #clock: Clock;
  readonly #process: Process;
  readonly #fate: () => StatementFate;

  constructor(clock: Clock, process: Process, fate: () => StatementFate) {
    this.#clock = clock;
    this.#process = process;
    this.#fate = fate;
  }

  ask<T>(what: string, kind: "read" | "write", statement: () => T): Promise<T> {
    const clock = this.#clock;
    const { kind: outcome, there, back } = this.#fate();
    return new Promise((resolve, reject) => {
      const failAfter = (ms: number, code: StorageFailureCode) => {
        const fail = () => reject(new StorageFailure(code, this.location, what));
        return clock.ofProcess(ms, fail, this.#process);
      };
      if (outcome === "refused") {
        failAfter(there, "DatabaseUnreachable");
        return;
      }
      const givesUp = failAfter(ANSWER_MS, "DatabaseUnreachable");
      if (outcome === "silent") return;
      // The statement arrives whatever becomes of the process that sent it.
      clock.after(there, () => {
        const isRefused = outcome === "readOnly" && kind === "write";
        const result = isRefused ? undefined : statement();
        if (outcome === "answerLost") return;
        clock.ofProcess(
          back,
          () => {
            givesUp.cancelled = true;
            if (isRefused) failAfter(0, "DatabaseUnwritable");
            else resolve(result as T);
          },
          this.#process,
        );
      });
    });
  }
}
