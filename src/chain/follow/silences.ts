/** Waits for the answers of endpoints for a short time, and for a silent one not each time. */
import { within } from "../../base/within.ts";
import { type Endpoint, SECOND_WORD_MS } from "../rpc/endpoint.ts";

/** Milliseconds for which an endpoint that kept silent is not asked again. */
export const SILENCE_MS = 30_000;

/** The silences of endpoints in answer to one kind of question. */
export class Silences {
  /** When each silence ends, in milliseconds of the monotonic clock. */
  readonly #ends = new Map<Endpoint, number>();

  /** The result of `ask`; undefined where it fails, or takes longer than `SECOND_WORD_MS`. */
  async answer<T>(endpoint: Endpoint, ask: () => Promise<T>): Promise<T | undefined> {
    if (performance.now() < (this.#ends.get(endpoint) ?? 0)) return undefined;
    const answer = ask().then(
      (given) => ({ given }),
      () => ({ given: undefined }),
    );
    const found = await within(SECOND_WORD_MS, answer);
    if (found === undefined) this.#ends.set(endpoint, performance.now() + SILENCE_MS);
    return found?.given;
  }
}
