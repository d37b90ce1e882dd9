/** WebSockets to the simulated endpoints, in place of the global class. */
import type { Clock, Process } from "./clock.ts";
import type { Endpoint, Network } from "./network.ts";

type Listener = (event: { readonly data?: string }) => void;
type SocketEvent = "open" | "message" | "close" | "error";

const LATENCY_MS = 10;

/** One simulated socket; its endpoint decides what becomes of each frame. */
class SimulatedSocket {
  readonly #endpoint: Endpoint;
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #process: Process | undefined;
  readonly #listeners = new Map<SocketEvent, Set<Listener>>();
  readonly #unsubscribes: (() => void)[] = [];
  #closed = false;

  constructor(network: Network, clock: Clock, url: string) {
    this.#network = network;
    this.#clock = clock;
    this.#process = clock.process;
    this.#endpoint = network.endpointOf(url);
    this.#later(() => {
      const { mode } = this.#endpoint;
      if (mode === "silent" || this.#isCut) return;
      if (mode === "down" || mode === "failing") this.#end("error");
      else this.#tell("open");
    });
  }

  addEventListener(event: SocketEvent, listener: Listener): void {
    const known = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, known.add(listener));
  }

  removeEventListener(event: SocketEvent, listener: Listener): void {
    this.#listeners.get(event)?.delete(listener);
  }

  send(body: string): void {
    const { id, method } = JSON.parse(body) as { id: number; method: string };
    this.#clock.after(LATENCY_MS, () => {
      if (this.#closed || this.#isCut) return;
      if (method === "eth_subscribe") return this.#subscribe(id);
      const answer = this.#network.arrive(this.#endpoint, body, this.#process);
      if (answer === undefined) return;
      // HTTP's status has no place here.
      const isBroken = answer instanceof Error || this.#endpoint.mode === "failing";
      this.#later(() => (isBroken ? this.#end("error") : this.#tell("message", answer.text)));
    });
  }

  close(): void {
    this.#end("close");
  }

  get #isCut(): boolean {
    return this.#network.isCut(this.#endpoint, this.#process);
  }

  #subscribe(id: number): void {
    const { mode, faults } = this.#endpoint;
    if (mode === "silent") return;
    if (mode === "down") return this.#later(() => this.#end("error"));
    const head = { jsonrpc: "2.0", method: "eth_subscription", params: { subscription: "0x1" } };
    if (faults.has("noSubscribe")) {
      const error = { code: -32601, message: "the method eth_subscribe does not exist" };
      return this.#later(() =>
        this.#tell("message", JSON.stringify({ jsonrpc: "2.0", id, error })),
      );
    }
    const push = () => {
      if (this.#isCut || this.#endpoint.mode !== "well") return;
      this.#later(() => this.#tell("message", JSON.stringify(head)));
    };
    this.#unsubscribes.push(this.#network.subscribe(this.#endpoint, push));
    this.#later(() => this.#tell("message", JSON.stringify({ jsonrpc: "2.0", id, result: "0x1" })));
  }

  #later(work: () => void): void {
    if (this.#process?.ended) {
      for (const end of this.#unsubscribes) end();
      return;
    }
    this.#clock.ofProcess(LATENCY_MS, () => !this.#closed && work(), this.#process);
  }

  #tell(event: SocketEvent, data?: string): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      listener(data === undefined ? {} : { data });
    }
  }

  #end(event: "close" | "error"): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const end of this.#unsubscribes) end();
    this.#clock.ofProcess(0, () => this.#tell(event), this.#process);
  }
}

/** The class that opens sockets to `network`. */
export function webSocketsTo(network: Network, clock: Clock): new (url: string) => object {
  return class extends SimulatedSocket {
    constructor(url: string) {
      super(network, clock, url);
    }
  };
}
