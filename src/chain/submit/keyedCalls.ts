/**
 * Calls with a key of their caller's: the same key is the same call, done once, however often it is
 * sent. Keys are remembered while the process runs; another process does not know them.
 */
import { QuarterdeckError } from "../../base/errors.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { TransactionLost } from "../rpc/errors.ts";
import { ask, type ChainClient } from "../rpc/rpc.ts";
import { type Call, doSame, type Mined } from "./call.ts";
import { minedAs, readReceipt } from "./receipts.ts";

/** A transaction that was broadcast for a call. */
export interface Sent {
  readonly hash: Hex;
  readonly nonce: number;
  readonly raw: Hex;
}

interface Known {
  readonly call: Call;
  /** The newest first. */
  sent: readonly Sent[];
  /** Outcome of the try that is under way or was done; undefined: the last try failed. */
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
   * The outcome of the call with this key; `send` is called when no earlier transaction of the call
   * can have been mined. Throws `KeyInUse` for another call under the same key, `TransactionLost`
   * where no endpoint shows whether the call was done, and what `send` throws: then the caller can
   * repeat it.
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

  /** Takes note of a transaction that was broadcast for the call with this key. */
  note(key: string, sent: Sent): void {
    const known = this.#known.get(key);
    if (known !== undefined) known.sent = [sent, ...known.sent];
  }

  async #try(known: Known, send: () => Promise<Mined>): Promise<Mined> {
    return (await this.#done(known)) ?? send();
  }

  /** The mined transaction of an earlier try; undefined: none was mined, and none can be. */
  async #done({ call, sent }: Known): Promise<Mined | undefined> {
    if (sent.length === 0) return undefined;
    const address = this.#address;
    // The nonce before the receipts: it then holds for any receipt that is missing.
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
