import { createServer } from "node:http";
import { expect, it, onTestFinished } from "vitest";
import { type RefusalCode, refuse } from "../protocol/refusals.ts";
import { toJson } from "../wire/schemas/values.ts";
import { errorBody, sentenceOf } from "../wire/sentences.ts";
import { Api, OperatorUnreachable, RefusedByOperator } from "./api.ts";
import {
  FakeExchange,
  type FakeOperator,
  OWN_SESSION,
  readOrder,
  signedOrder,
  startFakeOperator,
} from "./fakeOperator.testkit.ts";
import { isAnsweredElsewhere, Operators } from "./operators.ts";

const PATIENCE_MS = 3000;

async function start() {
  const exchange = new FakeExchange();
  const fakes = await Promise.all([0, 1, 2].map(() => startFakeOperator(exchange)));
  onTestFinished(async () => {
    await Promise.all(fakes.map((fake) => fake.stop()));
  });
  const [ada, bob, cy] = fakes as [FakeOperator, FakeOperator, FakeOperator];
  return { exchange, ada, bob, cy };
}

function place(operators: Operators, id: bigint) {
  return operators.call("placeOrder", { body: signedOrder(id) });
}

it("a write goes to the leader that is named, with its own path and session, and stays there", async () => {
  const { ada, bob } = await start();
  ada.leader = bob.url;
  const operators = new Operators({ urls: [ada.url], retryTimeoutMs: PATIENCE_MS });
  expect(await place(operators, 1n)).toMatchObject({ id: 1n });
  expect([operators.url, operators.known]).toEqual([bob.url, [ada.url, bob.url]]);
  await place(operators, 2n);
  expect([ada.asked.length, bob.asked.length]).toEqual([1, 2]);
  expect(await operators.ask((api) => readOrder(api, 2n))).toMatchObject({ id: 2n });
  expect(bob.sessions.at(-1)).toBe(OWN_SESSION);
});

it("the server sends a write to the leader by 307, with its path, and a read nowhere", async () => {
  const { ada } = await start();
  const post = (leader: string | undefined) => {
    ada.leader = leader;
    if (leader === undefined) ada.writes.push("notLeader");
    const init = { method: "POST", body: toJson(signedOrder(1n)), redirect: "manual" } as const;
    return fetch(`${ada.url}/v1/orders?x=1`, init);
  };
  for (const leader of ["http://b.example/base", "http://b.example/base/"]) {
    const sent = await post(leader);
    expect(sent.status).toBe(307);
    expect(sent.headers.get("location")).toBe("http://b.example/base/v1/orders?x=1");
    expect(await sent.json()).toMatchObject({ error: { code: "NotLeader", act: "retry" } });
  }
  const nowhere = await post(undefined);
  expect([nowhere.status, nowhere.headers.get("location")]).toEqual([503, null]);
  ada.leader = "http://b.example";
  expect((await fetch(`${ada.url}/v1/clock`)).status).toBe(200);
});

it.each(["moved", "{}", ""])("a redirection in others' words (%j) leads on", async (words) => {
  const { bob } = await start();
  const proxy = createServer((request, response) => {
    response.writeHead(307, { location: bob.url + request.url }).end(words);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void proxy.close());
  const { port } = proxy.address() as { port: number };
  const url = `http://127.0.0.1:${port}`;
  const operators = new Operators({ urls: [url], retryTimeoutMs: PATIENCE_MS });
  expect(await place(operators, 1n)).toMatchObject({ id: 1n });
  expect(operators.url).toBe(bob.url);
  const alone = new Api(url).call("placeOrder", { body: signedOrder(2n) });
  await expect(alone).rejects.toMatchObject({ code: "NotLeader", leader: bob.url });
});

it("an operator that is down, hangs or is not ready is passed over", async () => {
  const { ada, bob, cy } = await start();
  await ada.stop();
  bob.reads.push("hangBefore");
  bob.writes.push("notReady");
  const urls = [ada.url, bob.url, cy.url];
  const operators = new Operators({ urls, retryTimeoutMs: PATIENCE_MS });
  expect(await operators.call("fetchClock")).toMatchObject({ round: 3 });
  expect(operators.url).toBe(cy.url);
  operators.prefer(bob.url);
  await place(operators, 1n);
  expect(cy.asked).toEqual(["/v1/clock", "/v1/orders"]);
});

it("a refusal of the caller's is final", async () => {
  const { ada, bob } = await start();
  const operators = new Operators({ urls: [ada.url, bob.url], retryTimeoutMs: PATIENCE_MS });
  await place(operators, 1n);
  await expect(place(operators, 1n)).rejects.toMatchObject({ code: "DuplicateOrderId" });
  expect(bob.asked).toEqual([]);
});

it("two that name each other are not asked without end, and the last error is thrown", async () => {
  const { ada, bob } = await start();
  ada.leader = bob.url;
  bob.leader = ada.url;
  const operators = new Operators({ urls: [ada.url, bob.url], retryTimeoutMs: 1500 });
  await expect(place(operators, 1n)).rejects.toMatchObject({ code: "NotLeader" });
  // Pauses of 50, 100, 200, 400 and 400 ms: at most six rounds.
  expect(ada.asked.length + bob.asked.length).toBeLessThanOrEqual(12);
  expect(bob.asked.length).toBeGreaterThan(1);
});

it("a leader that comes while a client waits is found", async () => {
  const { ada, bob } = await start();
  ada.writes.push("notLeader", "notLeader");
  bob.writes.push("notReady", "notLeader");
  const operators = new Operators({ urls: [ada.url, bob.url], retryTimeoutMs: PATIENCE_MS });
  expect(await place(operators, 1n)).toMatchObject({ id: 1n });
});

it("a request without patience asks every operator once", async () => {
  const { ada, bob, cy } = await start();
  for (const { reads } of [ada, bob, cy]) reads.push("closeBefore", "closeBefore");
  const operators = new Operators({ urls: [ada.url, bob.url, cy.url], retryTimeoutMs: 0 });
  await expect(operators.call("fetchClock")).rejects.toBeInstanceOf(OperatorUnreachable);
  expect([ada, bob, cy].map(({ asked }) => asked.length)).toEqual([1, 1, 1]);
});

it("an operator that names ever new leaders is not followed without end", async () => {
  let asked = 0;
  const operators = new Operators({ urls: ["http://127.0.0.1"], retryTimeoutMs: 0 });
  const liar = operators.ask(async () => {
    throw new RefusedByOperator("NotLeader", "retry", "", `http://127.0.0.1/${++asked}`);
  });
  await expect(liar).rejects.toMatchObject({ code: "NotLeader" });
  expect(asked).toBeLessThan(50);
  expect(operators.known).toEqual(["http://127.0.0.1"]);
});

it("operators named by the chain are asked when the known ones are of no use", async () => {
  const { ada, bob } = await start();
  await ada.stop();
  const options = { urls: [ada.url], retryTimeoutMs: PATIENCE_MS };
  const operators = new Operators({ ...options, readUrls: async () => ["ftp://x", bob.url] });
  expect(await operators.call("fetchClock")).toMatchObject({ round: 3 });
  expect(operators.known).toEqual([ada.url, bob.url]);
  // A chain that is down too hides nothing of what the operators said.
  const readUrls = () => Promise.reject(new Error("no chain"));
  const alone = new Operators({ ...options, retryTimeoutMs: 200, readUrls });
  await expect(alone.call("fetchClock")).rejects.toBeInstanceOf(OperatorUnreachable);
});

it("operators named by operators leave room for those that the chain names", () => {
  const operators = new Operators({ urls: ["http://liar.example"] });
  for (let i = 0; i < 200; i++) operators.prefer(`http://stranger-${i}.example`);
  expect(operators.url).toBe("http://stranger-199.example");
  const approved = Array.from({ length: 88 }, (_, i) => `http://approved-${i}.example`);
  operators.learn(approved);
  expect(operators.known).toEqual(expect.arrayContaining(approved));
  expect(operators.known.length).toBeLessThanOrEqual(128);
  expect(operators.after(operators.url)).toBe("http://liar.example");
});

it("only http addresses count, each once", () => {
  const good = ["http://a.example/", "https://b.example/base//", "http://a.example?x#y"];
  const bad = [
    "",
    "no url",
    "ftp://a.example",
    "ws://a.example",
    "http://u:p@a.example",
    "file:///x",
  ];
  const operators = new Operators({ urls: [...bad, ...good] });
  expect(operators.known).toEqual(["http://a.example", "https://b.example/base"]);
  operators.prefer("javascript:alert(1)");
  expect(operators.url).toBe("http://a.example");
  expect(() => new Operators({ urls: bad })).toThrow(OperatorUnreachable);
});

it.each<[RefusalCode, boolean]>([
  ["NotLeader", true],
  ["NotReady", true],
  ["Overloaded", false],
  ["FillUnsigned", false],
  ["InsufficientFunds", false],
])("%s: another operator may answer it: %s", (code, elsewhere) => {
  expect(isAnsweredElsewhere(new RefusedByOperator(code, "retry", ""))).toBe(elsewhere);
});

it("an operator's refusal is said as it is: its sentence ends with what to do", () => {
  for (const refusal of [
    refuse("NotReady", { waitingFor: "3 blocks of the chain" }),
    refuse("NotLeader", { leader: undefined }),
  ]) {
    const { code, act, message } = errorBody(refusal).error;
    expect(new RefusedByOperator(code, act, message).message).toBe(sentenceOf(refusal));
  }
});
