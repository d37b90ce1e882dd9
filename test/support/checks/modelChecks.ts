/** Holds what each operator shows against the naive model of the shared journal. */
import { Api } from "../../../src/client/api.ts";
import type { ExchangeClient } from "../../../src/client/client.ts";
import type { OrderStatus } from "../../../src/client/types.ts";
import type { BlockNumber } from "../../../src/protocol/units.ts";
import { until } from "../exchange/exchange.ts";
import type { OperatorsExchange } from "../exchange/severalOperators.ts";
import { JournalModel } from "./journalModel.ts";

/** Levels of a side of the book that an operator lists at most. */
const MOST_LEVELS = 500;

export class ModelChecks {
  readonly #exchange: Pick<OperatorsExchange, "records">;
  readonly #clients: readonly ExchangeClient[];
  readonly #model = new JournalModel();
  #sequence = 0;
  /** Balances, orders and levels that were compared. */
  compared = 0;

  constructor(exchange: Pick<OperatorsExchange, "records">, clients: readonly ExchangeClient[]) {
    this.#exchange = exchange;
    this.#clients = clients;
  }

  /**
   * While nobody trades: waits until the operator at `url` has taken in all of the journal. Block
   * `least` became final after the last order: an operator that is not there yet may lack orders.
   */
  async run(url: string, least: BlockNumber): Promise<void> {
    const api = new Api(url);
    await until(`${url} shows what the journal holds`, async () => {
      await this.#read();
      if (this.#model.block < least) return false;
      if ((await api.call("fetchClock")).block !== this.#model.block) return false;
      const faults = await this.#faults(api);
      // A claim of a slot makes a block, at any time.
      if (await this.#read()) return false;
      if ((await api.call("fetchClock")).block !== this.#model.block) return false;
      if (faults.length > 0) throw new Error(`${url}: ${faults.slice(0, 3).join("; ")}`);
      return true;
    });
  }

  /** Whether there was more of it. */
  async #read(): Promise<boolean> {
    const records = await this.#exchange.records(this.#sequence);
    for (const { sequence, payload } of records) {
      this.#model.take(payload);
      this.#sequence = sequence;
    }
    return records.length > 0;
  }

  async #faults(api: Api): Promise<string[]> {
    const faults = await this.#bookFaults(api);
    const { round: newest } = await api.call("fetchClock");
    for (const client of this.#clients) {
      const { address } = client;
      const call = { params: { client: address }, session: await client.session() };
      for (const { token, total, locked } of await api.call("fetchBalances", call)) {
        const wanted = this.#model.balance(address, token);
        const what = `balance of ${address} in ${token}`;
        faults.push(...this.#compare(what, { total, locked }, wanted));
      }
      for (const round of [newest - 1, newest, newest + 1].filter((one) => one >= 0)) {
        const shown = await api.call("fetchOrders", { ...call, query: { round } });
        const wanted = this.#model.orders(address, round);
        const what = `orders of ${address} in round ${round}`;
        faults.push(
          ...this.#compare(what, shown.map(outline).sort(byId), wanted.map(outline).sort(byId)),
        );
      }
    }
    return faults;
  }

  async #bookFaults(api: Api): Promise<string[]> {
    const [market] = (this.#clients[0] as ExchangeClient).exchange.markets;
    const { base, quote } = market as { base: string; quote: string };
    const call = { params: { base, quote }, query: { depth: MOST_LEVELS } };
    const { bids, asks } = await api.call("fetchOrderBook", call);
    const wanted = this.#model.book();
    const [shownBids, shownAsks] = [bids, asks].map((side) =>
      side.map(({ price, amount }) => ({ price, amount })),
    );
    return [
      ...this.#compare("bids", shownBids, wanted.bids),
      ...this.#compare("asks", shownAsks, wanted.asks),
    ];
  }

  #compare(what: string, shown: unknown, wanted: unknown): string[] {
    this.compared += Array.isArray(wanted) ? wanted.length : 1;
    const [is, should] = [textOf(shown), textOf(wanted)];
    return is === should ? [] : [`${what}: ${is} instead of ${should}`];
  }
}

function outline({
  id,
  state,
  sold,
  bought,
}: Pick<OrderStatus, "id" | "sold" | "bought"> & { state: string }) {
  return { id, state, sold, bought };
}

function byId(one: { id: bigint }, other: { id: bigint }): number {
  return one.id < other.id ? -1 : 1;
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `${part}` : part));
}
