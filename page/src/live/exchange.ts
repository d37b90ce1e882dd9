/** The exchange as its operator tells it: facts, clock, and whether what is shown is live. */
import { computed, signal } from "@preact/signals";
import * as z from "zod";
import { Api } from "../../../src/client/api.ts";
import type { ExchangeResponse } from "../../../src/wire/schemas/exchange.ts";
import { exchange as exchangeSchema } from "../../../src/wire/schemas/exchange.ts";
import type { ClockResponse } from "../../../src/wire/schemas/health.ts";
import { clock as clockSchema } from "../../../src/wire/schemas/health.ts";
import { isBrowser } from "./browser.ts";
import { Stream } from "./stream.ts";

/** As the operator writes them into the page (src/server/page/page.ts). */
const factsSchema = z.object({
  exchange: exchangeSchema,
  clock: clockSchema,
  rpc: z.array(z.string()),
  operators: z.array(z.string()),
});
type Facts = z.output<typeof factsSchema>;

/** The operator that served this page, or the one that a page served elsewhere names. */
const HOME = isBrowser
  ? document.querySelector<HTMLMetaElement>('meta[name="operator"]')?.content
  : undefined;
export const homeUrl = HOME ?? (isBrowser ? location.origin : "");

export const exchange = signal<ExchangeResponse | undefined>(undefined);
export const clock = signal<ClockResponse | undefined>(undefined);
/** Why no orders are taken now; null: they are. */
export const waitingFor = signal<string | null>(null);
export const leaderUrl = signal<string | null>(null);
export const offeredRpc = signal<readonly string[]>([]);
export const operatorUrls = signal<readonly string[]>([homeUrl]);
/** Why there is nothing to show. */
export const problem = signal<string | undefined>(undefined);
/** Milliseconds between two blocks, as far as they were seen. */
export const blockMs = signal<number | undefined>(undefined);

export const stream = new Stream({
  urls: () => operatorUrls.value,
  onEvent: (event) => {
    if (event.kind === "leader") leaderUrl.value = event.url;
  },
});
export const link = stream.state;
export const isLive = computed(() => link.value.kind === "live");
/** Whether the stream has broken: what it told is old. It has not, before it has first begun. */
export const isStale = computed(() => link.value.kind === "stale");
/** The address of the operator that is listened to, else the one that served the page. */
export const operatorUrl = computed(() => (link.value.kind === "live" ? link.value.url : homeUrl));
export const haltRound = computed(() => clock.value?.haltRound ?? null);

/** Asks the operator that is listened to. */
export function api(): Api {
  return new Api(operatorUrl.value);
}

/** Takes the facts of the page, or asks for them, and listens from then on. */
export async function openExchange(): Promise<void> {
  try {
    takeFacts(factsOfPage() ?? (await askFacts()));
  } catch (error) {
    problem.value = error instanceof Error ? error.message : String(error);
    setTimeout(() => void openExchange(), 3000);
    return;
  }
  problem.value = undefined;
  listenToClock();
  stream.start();
}

/** Facts as the operator writes them. Throws where they are none. */
export function parseFacts(json: string): Facts {
  return factsSchema.parse(JSON.parse(json));
}

export function takeFacts(facts: Facts): void {
  exchange.value = facts.exchange;
  clock.value = facts.clock;
  offeredRpc.value = facts.rpc;
  operatorUrls.value = [homeUrl, ...facts.operators.filter((url) => url !== homeUrl)];
}

/** Undefined: none came with the page, or those of another build. */
function factsOfPage(): Facts | undefined {
  const text = document.getElementById("facts")?.textContent;
  if (!text) return undefined;
  try {
    return parseFacts(text);
  } catch {
    return undefined;
  }
}

async function askFacts(): Promise<Facts> {
  const home = new Api(homeUrl);
  const [said, now] = await Promise.all([home.call("fetchExchange"), home.call("fetchClock")]);
  return { exchange: said, clock: now, rpc: [], operators: [] };
}

/** Blocks over which the pace is taken. */
const PACE_BLOCKS = 20;

function listenToClock(): void {
  const seen: { readonly block: number; readonly at: number }[] = [];
  stream.subscribe<"clock">(
    "clock",
    () => ({ name: "clock" }),
    ({ data }) => {
      clock.value = data;
      const last = seen.at(-1);
      if (last !== undefined && data.chainHead <= last.block) return;
      seen.push({ block: data.chainHead, at: performance.now() });
      if (seen.length > PACE_BLOCKS) seen.shift();
      const [first] = seen;
      const newest = seen.at(-1);
      if (first === undefined || newest === undefined || newest.block - first.block < 3) return;
      blockMs.value = (newest.at - first.at) / (newest.block - first.block);
    },
  );
  stream.subscribe<"status">(
    "status",
    () => ({ name: "status" }),
    ({ data }) => {
      waitingFor.value = data.waitingFor;
    },
  );
}
