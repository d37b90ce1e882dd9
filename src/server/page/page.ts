/**
 * Serves the page under `/`: files that a build made (docs/page.md), compressed beforehand, and the
 * one HTML file with the facts of the exchange in it, so that the first picture shows data.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance } from "fastify";
import type { OperatorApi } from "../../operator/api/operatorApi.ts";
import { toJson } from "../../wire/schemas/values.ts";
import { hasPage, PAGE_FOLDER, PAGE_INDEX } from "./pageFiles.ts";
import { openPicture } from "./picture.ts";
import { chosenOrigins, contentPolicy, FIXED_HEADERS, originOf, withStreams } from "./policy.ts";

/** A comment of the HTML file, in whose place the facts go. */
const FACTS = "<!-- facts -->";
/** The same for the first picture. */
const PICTURE = "<!-- picture -->";
/** Names hold a hash of what is in them. */
const FOR_EVER = "public, max-age=31536000, immutable";

export interface PageSettings {
  /** Whether the page is served at all. */
  readonly serve: boolean;
  /** JSON-RPC endpoints of the chain that visitors are offered. */
  readonly rpc: readonly string[];
  /** Addresses of the other operators, with whom the page goes on. */
  readonly operators: readonly string[];
}

export const DEFAULT_PAGE: PageSettings = { serve: true, rpc: [], operators: [] };

/** Adds the page to a server. Without a build it adds nothing. */
export function servePage(
  app: FastifyInstance,
  api: OperatorApi,
  settings: PageSettings,
  folder = PAGE_FOLDER,
): void {
  if (!settings.serve || !hasPage(folder)) return;
  const { rpc, operators } = settings;
  const known = [
    ...rpc.flatMap((url) => originOf(url) ?? []),
    ...withStreams(originsOf(operators)),
  ];
  const draw = openPicture(folder);
  app.get("/", async (request, reply) => {
    const policy = contentPolicy([...known, ...chosenOrigins(request.query)]);
    // Read each time: a build while the operator runs changes the names of the other files.
    const html = readFileSync(join(folder, PAGE_INDEX), "utf8");
    const facts = factsOf(api, settings);
    const picture = await draw(facts);
    return reply
      .headers({ ...FIXED_HEADERS, "content-security-policy": policy, "cache-control": "no-cache" })
      .type("text/html; charset=utf-8")
      .send(html.replace(FACTS, () => elementOf(facts)).replace(PICTURE, () => picture));
  });
  app.register(fastifyStatic, {
    root: join(folder, "assets"),
    prefix: "/assets/",
    preCompressed: true,
    index: false,
    cacheControl: false,
    setHeaders: (reply) => {
      reply.header("cache-control", FOR_EVER);
      reply.header("x-content-type-options", "nosniff");
    },
  });
}

function originsOf(urls: readonly string[]): string[] {
  return urls.flatMap((url) => originOf(url) ?? []);
}

function factsOf(api: OperatorApi, { rpc, operators }: PageSettings): string {
  return toJson({ exchange: api.exchange(), clock: api.clock(), rpc, operators });
}

/** Data, which no policy takes for a script. No text in it can end the element. */
function elementOf(facts: string): string {
  const json = facts.replaceAll("<", "\\u003c");
  return `<script type="application/json" id="facts">${json}</script>`;
}
