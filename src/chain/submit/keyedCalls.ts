/**
 * Calls that bear a key of their caller's: same key, same call, done once, however often it is asked
 * for. Remembered for as long as the process runs: another process knows nothing of it.
 */
import { QuarterdeckError } from "../../base/errors.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { TransactionLost } from "../rpc/errors.ts";
import { ask, type ChainClient } from "../rpc/rpc.ts";
import { type Call, doSame, type Mined } from "./call.ts";
import { minedAs, readReceipt } from "./receipts.ts";

/** A transaction that was sent for a call. */
export interface Sent {
  readonly hash: Hex;
  readonly nonce: number;
  readonly raw: Hex;
}

interface Known {
  readonly call: Call;
  /** The newest first. */
  sent: readonly Sent[];
  /** Of the try that is under way, or that was done; undefined: the last one failed. */
  outcome: Promise<Mined> | undefined;
}

export class KeyedCalls {
  readonly #client: ChainClient;
  readonly #address: Address;
  readonly #known = new Map<string, Known>();

  constructor(client: ChainClient, address: Address) {
    this.#client = client;
    this.#address = address;
  }

  /**
   * What came of the call with this key; `send` is asked for it when nothing of it can have been
   * done. Throws `KeyInUse` for another call under the same key, `TransactionLost` where nobody can
   * tell whether it was done, and what `send` throws: then it can be repeated.
   */
  once(key: string, call: Call, send: () => Promise<Mined>): Promise<Mined> {
    const known = this.#known.get(key) ?? { call, sent: [], outcome: undefined };
    if (!doSame(known.call, call)) return Promise.reject(keyInUse(key, known.call, call));
    this.#known.set(key, known);
    known.outcome ??= this.#try(known, send).catch((error: unknown) => {
      known.outcome = undefined;
      throw error;
    });
    return known.outcome;
  }

  /** A transaction is out for the call that has this key. */
  note(key: string, sent: Sent): void {
    const known = this.#known.get(key);
    if (known !== undefined) known.sent = [sent, ...known.sent];
  }

  async #try(known: Known, send: () => Promise<Mined>): Promise<Mined> {
    return (await this.#done(known)) ?? send();
  }

  /** What earlier tries have left; undefined: nothing that was mined, or that can be any more. */
  async #done({ call, sent }: Known): Promise<Mined | undefined> {
    if (sent.length === 0) return undefined;
    const address = this.#address;
    // Before the receipts: what it says is then true of any that is missing.
    const next = await ask("a nonce", () =>
      this.#client.getTransactionCount({ address, blockTag: "latest" }),
    );
    const reverted = new Set<number>();
    for (const { hash, nonce, raw } of sent) {
      const receipt = await readReceipt(this.#client, hash, raw);
      if (receipt?.isSuccess) return minedAs(hash, receipt);
      if (receipt !== undefined) reverted.add(nonce);
    }
    const unclear = sent.find(({ nonce }) => nonce < next && !reverted.has(nonce));
    if (unclear === undefined) return undefined;
    const why =
      `nonce ${unclear.nonce} of ${address} is used, and no endpoint shows whether by it; ` +
      "once the chain shows that it was not done, send it under another key";
    throw new TransactionLost(call.what, why);
  }
}

function keyInUse(key: string, before: Call, now: Call): QuarterdeckError {
  return new QuarterdeckError({
    code: "KeyInUse",
    message: `The key ${key} stands for ${before.what}, and now for ${now.what}.`,
    hint: "Give each call a key of its own, and the same only to repeat it.",
  });
}
