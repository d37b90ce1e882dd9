/**
 * A client that a public generator makes of the OpenAPI document which an operator serves: it is
 * checked by the compiler and places an order, signed by another library than ours.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { generateApi } from "swagger-typescript-api";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Hex } from "../src/base/hex.ts";
import { DOMAIN_NAME, DOMAIN_VERSION, MESSAGE_TYPES } from "../src/protocol/messages.ts";
import { OPENAPI_PATH } from "../src/wire/specs/openapi.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "quarterdeck-generated-"));
let exchange: TestExchange;
beforeAll(async () => {
  exchange = await startExchange();
  const ada = await exchange.client(0);
  await ada.deposit("WETH", "10");
  await exchange.settle();
});
afterAll(async () => {
  await exchange.stop();
  rmSync(folder, { recursive: true });
});

/** A bot's program: names and types are those that the generator made. */
const BOT = `
import { Api, type Error as Refusal, type OrderStatus, type Placement } from "./Api.ts";

export async function trade(
  baseUrl: string,
  sign: (primaryType: string, message: object) => Promise<string>,
  owner: string,
) {
  const { v1 } = new Api({ baseUrl });
  const { data: exchange } = await v1.fetchExchange();
  const { data: clock } = await v1.fetchClock();
  const [market] = exchange.markets;
  if (market === undefined) throw new globalThis.Error("no market");
  const { base, quote, lot } = market;
  const order: Placement["order"] = {
    owner,
    round: clock.round,
    id: "1",
    sellToken: base,
    sellAmount: String(5n * BigInt(lot)),
    buyToken: quote,
    buyAmount: String(5n * 3_000_000n),
    intent: "sellAll",
  };
  const signature = await sign("Order", { ...order, round: BigInt(order.round), intent: 1 });
  const place = (sent: Placement) => v1.placeOrder(sent);
  const placed: OrderStatus = (await place({ order, signature } as Placement)).data;
  const { data: book } = await v1.fetchOrderBook(base, quote, { depth: "5" });
  const refused: { status: number; error: Refusal } = await place({
    order: { ...order, id: "2", sellAmount: "1" },
    signature,
  } as Placement).then(
    () => { throw new globalThis.Error("taken"); },
    (answer) => ({ status: answer.status, error: answer.error }),
  );
  return { placed, book, refused };
}
`;

it("a generated client places an order, and is told of a refusal in its own types", {
  timeout: 240_000,
}, async () => {
  const spec = await (await fetch(exchange.url + OPENAPI_PATH)).json();
  const { files } = await generateApi({
    spec,
    output: false,
    fileName: "Api.ts",
    httpClientType: "fetch",
    silent: true,
  });
  for (const { fileName, fileContent } of files) {
    writeFileSync(join(folder, `${fileName.replace(/\.ts$/, "")}.ts`), fileContent);
  }
  writeFileSync(join(folder, "bot.ts"), BOT);
  const tsc = join(import.meta.dirname, "../node_modules/.bin/tsc");
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024"];
  const lib = ["--lib", "es2024,dom", "--types", "", "--allowImportingTsExtensions"];
  await run(tsc, [...options, ...lib, "bot.ts"], { cwd: folder }).catch((error) => {
    throw new Error(String(error.stdout));
  });
  const bundle = join(folder, "bot.mjs");
  await build({
    entryPoints: [join(folder, "bot.ts")],
    bundle: true,
    format: "esm",
    outfile: bundle,
  });
  const { trade } = (await import(pathToFileURL(bundle).href)) as {
    trade(url: string, sign: unknown, owner: string): Promise<Record<string, never>>;
  };

  const { anvil, mediator, url } = exchange;
  const account = privateKeyToAccount(anvil.keys[2] as Hex);
  const sign = (primaryType: "Order", message: object) =>
    account.signTypedData({
      domain: {
        name: DOMAIN_NAME,
        version: DOMAIN_VERSION,
        chainId: anvil.chainId,
        verifyingContract: mediator,
      },
      types: { Order: [...MESSAGE_TYPES.Order] },
      primaryType,
      message,
    } as never);
  const { placed, book, refused } = await trade(url, sign, account.address);
  expect(placed).toMatchObject({ state: "open", id: "1", sold: "0" });
  expect(book).toMatchObject({ asks: [{ price: "3000000", amount: "5000000000000000" }] });
  expect(refused).toMatchObject({ status: 422, error: { error: { code: "BadSignature" } } });
});
