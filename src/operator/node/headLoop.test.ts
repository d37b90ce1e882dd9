import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { RpcUnavailable } from "../../chain/rpc/errors.ts";
import { History } from "../replay/history.ts";
import type { Parts } from "./assemble.ts";
import { HeadLoop } from "./headLoop.ts";

/** The loop as it is after final blocks were taken in, with slots that cannot be read. */
function setup(problem: Error, isHeard = true) {
  const ran: string[] = [];
  const history = new History();
  const ending = new AbortController();
  const parts = {
    head: { number: 7, lagBlocks: 0, isHeard, note: () => {} },
    slotKeeper: { hasSlots: true, poll: () => Promise.reject(problem) },
    runner: { run: async () => void ran.push("duties") },
    quorum: { poll: async () => {} },
    metrics: { set: () => {} },
    router: { isOpen: true },
    control: { tellClock: () => void ran.push("clock") },
    sources: { history },
    signal: ending.signal,
    log: { warn: (event: string) => ran.push(event) },
  };
  return { loop: new HeadLoop(parts as unknown as Parts), ran, history, ending };
}

describe("the effects of a head", () => {
  it("duties are looked at though the slots cannot be read, which is told", async () => {
    const { loop, ran } = setup(new RpcUnavailable("for the slots", undefined));
    loop.onChain(undefined);
    await expect.poll(() => ran).toEqual(["clock", "slotsUnread", "duties"]);
  });

  it("duties wait until the chain was heard, whatever the journal holds", async () => {
    const { loop, ran } = setup(new RpcUnavailable("for the slots", undefined), false);
    loop.onChain(undefined);
    await loop.idle();
    expect(ran).toEqual(["clock"]);
  });

  it("clock and duties wait until a record is whole, and come once for all its parts", async () => {
    const { loop, ran, history } = setup(new RpcUnavailable("for the slots", undefined));
    const end = history.beginParts();
    for (let part = 0; part < 3; part++) loop.onChain(undefined);
    await setImmediate();
    expect(ran).toEqual([]);
    end();
    await expect.poll(() => ran).toEqual(["clock", "slotsUnread", "duties"]);
    loop.onChain(undefined);
    expect(ran.filter((one) => one === "clock")).toHaveLength(2);
  });

  it("clock and duties come no more once the operator stops", async () => {
    const { loop, ran, history, ending } = setup(new RpcUnavailable("for the slots", undefined));
    const end = history.beginParts();
    loop.onChain(undefined);
    ending.abort();
    end();
    await setImmediate();
    expect(ran).toEqual([]);
  });

  it("any other fault of the slots ends the node, and no duty is sent", async () => {
    const fault = new TypeError("a bug");
    const { loop, ran } = setup(fault);
    loop.onChain(undefined);
    await expect(Promise.race(loop.failures)).rejects.toBe(fault);
    expect(ran).toEqual(["clock"]);
  });
});
