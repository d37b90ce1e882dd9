import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { Address } from "../../base/hex.ts";
import { type PublishedContract, publishSources } from "./publish.ts";

const AT = "0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0" as Address;
const MANAGER: PublishedContract = {
  what: "manager",
  address: AT,
  source: "mutableOperatorManager",
  identifier: "src/managers/MutableOperatorManager.sol:MutableOperatorManager",
};

describe("sources", () => {
  let stop: (() => void) | undefined;
  afterEach(() => stop?.());

  /** A server that answers as `answer` says; gives what it was asked. */
  async function publish(answer: (path: string, polls: number) => [number, string]) {
    const asked: { method: string; path: string; body: string }[] = [];
    const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
      let body = "";
      for await (const part of request) body += part;
      const [path, method] = [request.url ?? "", request.method ?? ""];
      asked.push({ method, path, body });
      const polls = asked.filter((one) => one.method === "GET").length;
      const [status, text] = answer(path, polls);
      response.writeHead(status).end(text);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    stop = () => server.close();
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const options = { server: `${url}/server/`, chainId: 5, pollMs: 1 };
    return { url, asked, checks: await publishSources([MANAGER], options) };
  }
  const ticket = JSON.stringify({ verificationId: "a/b" });

  it("sources are sent as the compiler took them, and their match is waited for", async () => {
    const { url, asked, checks } = await publish((path, polls) => {
      if (path === `/server/v2/verify/5/${AT}`) return [202, ticket];
      const contract = { match: "exact_match" };
      return [
        200,
        JSON.stringify(polls < 3 ? { isJobCompleted: false } : { isJobCompleted: true, contract }),
      ];
    });
    expect(checks).toEqual([
      { what: "sources of manager", state: "ok", detail: `exact_match, on ${url}/server` },
    ]);
    expect(asked.map(({ path }) => path).slice(1)).toEqual(
      Array(3).fill("/server/v2/verify/a%2Fb"),
    );
    const sent = JSON.parse(asked[0]?.body ?? "");
    expect(sent).toMatchObject({
      compilerVersion: expect.stringMatching(/^0\.8\.\d+\+commit\.[0-9a-f]{8}$/),
      contractIdentifier: MANAGER.identifier,
      stdJsonInput: { language: "Solidity", settings: { viaIR: true, evmVersion: "prague" } },
    });
    const [file] = MANAGER.identifier.split(":");
    expect(sent.stdJsonInput.sources[file as string].content).toContain("contract Mutable");
  });

  it("sources are as good as sent where the server has them", async () => {
    const { checks } = await publish(() => [409, "{}"]);
    expect(checks[0]).toMatchObject({ state: "ok", detail: expect.stringContaining("known to") });
  });

  it.each<[string, (path: string) => [number, string], RegExp]>([
    ["a refusal", () => [400, '{"message":"no such chain"}'], /no such chain/],
    ["a failure", () => [502, "<html>"], /status 502, and no JSON/],
    ["an answer of another API", () => [200, "[]"], /verificationId|expected object/],
    [
      "code that does not match",
      (path) =>
        path.includes(AT)
          ? [202, ticket]
          : [200, '{"isJobCompleted":true,"error":{"customCode":"no_match"}}'],
      /no_match/,
    ],
    [
      "a job without a match",
      (path) => (path.includes(AT) ? [202, ticket] : [200, '{"isJobCompleted":true}']),
      /found no match/,
    ],
  ])("sources that meet %s are told as not published", async (_, answer, why) => {
    const { checks } = await publish(answer);
    expect(checks).toMatchObject([{ state: "fail", detail: expect.stringMatching(why) }]);
  });
});
