/**
 * A key in Web3Signer (`web3signer eth1`), over its REST interface. That signs the keccak-256 of
 * the bytes it is given, whatever they are, so the same call signs messages and transactions, and
 * Web3Signer needs neither the chain's id nor a node behind it. Nothing it answers is believed:
 * every signature is checked by recovering its signer.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { publicKeyToAddress } from "../base/address.ts";
import type { Curve, EcdsaSignature } from "../base/curve.ts";
import { type Address, bytesToHex, type Hex, hexToBytes, isHex } from "../base/hex.ts";
import { keccak256 } from "../base/keccak.ts";
import { type KeyHolder, SignerUnavailable } from "../chain/signer.ts";
import { lowS } from "../protocol/signatures.ts";
import { type HttpAnswer, request } from "./boundedRequest.ts";

export interface Web3SignerOptions {
  /** Where it listens, without a slash at the end. */
  readonly url: string;
  /** The address of the key to sign with. */
  readonly address: Address;
  /** Milliseconds for one request. */
  readonly timeoutMs: number;
  readonly curve: Curve;
  /** Called when it stops signing, with the reason, and when it signs again. */
  readonly onChange?: (problem: string | undefined) => void;
  /** Ends the watch over a service that does not sign. */
  readonly signal: AbortSignal;
}

/** Requests of one signature: the first, and after answers that may be otherwise next time. */
const TRIES = 3;
const RETRY_PAUSE_MS = 50;
/** Between two polls at a service that did not sign. */
const WATCH_PAUSE_MS = 500;
const MAX_IN_FLIGHT = 16;
/** Signatures that may wait in the queue: with more, the service is too slow for the exchange. */
const MAX_WAITING = 2048;

/** A signature request that means nothing: the form of personal messages, for nobody. */
const PROBE = new TextEncoder().encode("\x19Ethereum Signed Message:\n17Quarterdeck probe");

const publicKeys = z.array(z.string());

export class Web3Signer implements KeyHolder {
  readonly #options: Web3SignerOptions;
  /** The public key as the service writes it: its name for the key. */
  #identifier = "";
  #inFlight = 0;
  readonly #waiting: (() => void)[] = [];
  #problem: SignerUnavailable | undefined;

  private constructor(options: Web3SignerOptions) {
    this.#options = options;
  }

  /**
   * Finds the key and lets it sign a probe. Throws `SignerUnavailable`, also when the service has
   * no such key: it may still be loading them.
   */
  static async connect(options: Web3SignerOptions): Promise<Web3Signer> {
    const signer = new Web3Signer(options);
    await signer.#check();
    return signer;
  }

  get address(): Address {
    return this.#options.address;
  }

  /** Why it does not sign, as of its last answer. */
  get problem(): string | undefined {
    return this.#problem?.message;
  }

  /** True if the service signs, and no more signatures are asked for than it can give. */
  get keepsUp(): boolean {
    return this.#problem === undefined && this.#waiting.length < MAX_WAITING / 2;
  }

  /** Fails at once while the service is known not to sign. */
  async sign(preimage: Uint8Array): Promise<EcdsaSignature> {
    if (this.#problem !== undefined) throw this.#problem;
    if (this.#waiting.length >= MAX_WAITING) throw this.#fault("is too slow", SLOW_HINT);
    if (this.#inFlight >= MAX_IN_FLIGHT) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      if (this.#problem !== undefined) throw this.#problem;
    }
    this.#inFlight += 1;
    try {
      return await this.#sign(preimage);
    } catch (error) {
      if (error instanceof SignerUnavailable) this.#watch(error);
      throw error;
    } finally {
      this.#inFlight -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #check(): Promise<void> {
    this.#identifier = await this.#findKey();
    await this.#sign(PROBE);
  }

  async #findKey(): Promise<string> {
    const { address } = this.#options;
    const text = await this.#ask("GET", "/api/v1/eth1/publicKeys");
    const listed = publicKeys.safeParse(parseJson(text));
    if (!listed.success) throw this.#fault("does not list its keys as JSON", LIST_HINT);
    const found = listed.data.find((key) => addressOf(key) === address);
    if (found !== undefined) return found;
    throw this.#fault(
      `has ${listed.data.length} keys, and none is of ${address}`,
      "Load the key there, or correct web3signer.address in the configuration.",
    );
  }

  async #sign(preimage: Uint8Array): Promise<EcdsaSignature> {
    const { address, curve } = this.#options;
    const body = JSON.stringify({ data: bytesToHex(preimage) });
    const text = await this.#ask("POST", `/api/v1/eth1/sign/${this.#identifier}`, body);
    const given = parseSignature(text.trim());
    if (given === undefined) throw this.#fault("answers with no signature", LIST_HINT);
    // Keys in hardware give either of the two signatures that are each other's mirror.
    const signature = lowS(given);
    const { r, s, yParity } = signature;
    const publicKey = curve.recover(keccak256(preimage), r, s, yParity);
    const signer = publicKey && publicKeyToAddress(publicKey);
    if (signer === address) return signature;
    throw this.#fault(
      `gives signatures of ${signer ?? "nobody"}, not of ${address}`,
      "Check which key it has under this public key, and what stands between it and this node.",
    );
  }

  /** The body of a good answer, after some tries. */
  async #ask(method: "GET" | "POST", path: string, body?: string): Promise<string> {
    const { url, timeoutMs } = this.#options;
    for (let tries = 1; ; tries++) {
      const answer = await request({ url: url + path, method, body, timeoutMs });
      if (answer.status === 200) return answer.text;
      const last = tries >= TRIES || !isTransient(answer);
      if (last) throw this.#fault(...faultOf(method, answer), answer.cause);
      await sleep(RETRY_PAUSE_MS * 2 ** tries);
    }
  }

  #watch(problem: SignerUnavailable): void {
    if (this.#problem !== undefined) return;
    this.#setProblem(problem);
    // A queued request would wait in vain.
    for (const resume of this.#waiting.splice(0)) resume();
    void this.#untilWell();
  }

  async #untilWell(): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      await sleep(WATCH_PAUSE_MS, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      try {
        await this.#check();
      } catch (error) {
        if (!(error instanceof SignerUnavailable)) throw error;
        this.#setProblem(error);
        continue;
      }
      return this.#setProblem(undefined);
    }
  }

  #setProblem(problem: SignerUnavailable | undefined): void {
    const changed = problem?.message !== this.#problem?.message;
    this.#problem = problem;
    if (changed) this.#options.onChange?.(problem?.message);
  }

  #fault(what: string, hint: string, cause?: unknown): SignerUnavailable {
    const { url } = this.#options;
    return new SignerUnavailable(`Web3Signer at ${url} ${what}.`, hint, cause);
  }
}

const SLOW_HINT = "Give it more power, or hold the key in a keystore.";
const LIST_HINT = "Check that web3signer.url is that of `web3signer eth1`.";

/** Whether the same request may be answered next time. */
function isTransient({ status }: HttpAnswer): boolean {
  return status === undefined || status === 429 || status >= 500;
}

function faultOf(
  method: "GET" | "POST",
  { status, problem }: HttpAnswer,
): [what: string, hint: string] {
  switch (status) {
    case undefined:
      return [`gives no answer (${problem})`, "Check that it runs and can be reached from here."];
    case 404:
      if (method === "GET") return ["lists no eth1 keys (404)", LIST_HINT];
      return ["does not know the key (404)", "Load the key there; POST /reload reads new files."];
    case 400:
      return ["does not understand the request (400)", LIST_HINT];
    case 401:
    case 403:
      return [`refuses this node (${status})`, "Let this node in, as by --http-host-allowlist."];
    default:
      return [`fails (${status})`, "Look into its log."];
  }
}

/** The address of a listed public key; undefined when it is none. */
function addressOf(listed: string): Address | undefined {
  const key = listed.replace(/^0x/, "").toLowerCase();
  const uncompressed: Hex = `0x${key.length === 130 ? key.replace(/^04/, "") : key}`;
  return isHex(uncompressed, 64) ? publicKeyToAddress(hexToBytes(uncompressed)) : undefined;
}

/** r ‖ s ‖ v, v of 27 and 28 or of 0 and 1. */
function parseSignature(text: string): EcdsaSignature | undefined {
  if (!isHex(text, 65)) return undefined;
  const bytes = hexToBytes(text);
  const v = bytes[64] as number;
  const yParity = v >= 27 ? v - 27 : v;
  if (yParity !== 0 && yParity !== 1) return undefined;
  return { r: bytes.slice(0, 32), s: bytes.slice(32, 64), yParity };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
