/**
 * Which clients listen to their own events here. While this operator leads, their dead-man switches
 * move on with the exchange's clock, as far as they asked for that (`CancelAfter.graceBlocks`). What
 * fires is in the machine's state: who leads when a client falls silent is of no matter.
 */
import type { Address } from "../../base/hex.ts";
import type { State } from "../../exchange/model/state.ts";
import type { WriteRouter } from "../sequencing/writeRouter.ts";

export class Attendance {
  readonly #state: State;
  readonly #router: WriteRouter;
  /** Connections, by client. */
  readonly #present = new Map<Address, number>();
  #isWriting = false;

  constructor(state: State, router: WriteRouter) {
    this.#state = state;
    this.#router = router;
  }

  /** A connection of the client began; call what is returned when it ends. */
  attend(client: Address): () => void {
    this.#present.set(client, (this.#present.get(client) ?? 0) + 1);
    let isPresent = true;
    return () => {
      if (!isPresent) return;
      isPresent = false;
      const left = (this.#present.get(client) ?? 1) - 1;
      if (left === 0) this.#present.delete(client);
      else this.#present.set(client, left);
    };
  }

  /** The exchange's clock moved on. A writer that fails ends the node, and says so itself. */
  clockMoved(): void {
    this.renew().catch(() => {});
  }

  /** Moves the switches that lag behind. */
  async renew(): Promise<void> {
    if (this.#isWriting || !this.#router.isOpen || this.#state.halted !== undefined) return;
    const clients = [...this.#state.armed]
      .filter(({ address }) => this.#present.has(address))
      .filter(({ deadMan }) => deadMan !== undefined && this.#lags(deadMan))
      .map(({ address }) => address);
    if (clients.length === 0) return;
    this.#isWriting = true;
    try {
      await this.#router.submit({ kind: "keepAlive", clients });
    } finally {
      this.#isWriting = false;
    }
  }

  #lags(deadMan: { readonly block: number; readonly graceBlocks: number }): boolean {
    const { block, graceBlocks } = deadMan;
    return graceBlocks > 0 && block < this.#state.moment.block + graceBlocks;
  }
}
