import { describe, expect, it } from "vitest";
import { RpcUnavailable } from "../../chain/rpc/errors.ts";
import type { Parts } from "./assemble.ts";
import { HeadLoop } from "./headLoop.ts";

/** The loop as it is after final blocks were taken in, with slots that cannot be read. */
function setup(problem: Error, isHeard = true) {
  const ran: string[] = [];
  const parts = {
    head: { number: 7, lagBlocks: 0, isHeard, note: () => {} },
    slotKeeper: { hasSlots: true, poll: () => Promise.reject(problem) },
    runner: { run: async () => void ran.push("duties") },
    quorum: { poll: async () => {} },
    metrics: { set: () => {} },
    router: { isOpen: true },
    control: { tellClock: () => {} },
    log: { warn: (event: string) => ran.push(event) },
  };
  return { loop: new HeadLoop(parts as unknown as Parts), ran };
}

describe("the effects of a head", () => {
  it("duties are looked at though the slots cannot be read, which is told", async () => {
    const { loop, ran } = setup(new RpcUnavailable("for the slots", undefined));
    loop.onChain(undefined);
    await expect.poll(() => ran).toEqual(["slotsUnread", "duties"]);
  });

  it("duties wait until the chain was heard, whatever the journal holds", async () => {
    const { loop, ran } = setup(new RpcUnavailable("for the slots", undefined), false);
    loop.onChain(undefined);
    await loop.idle();
    expect(ran).toEqual([]);
  });

  it("any other fault of the slots ends the node, and no duty is sent", async () => {
    const fault = new TypeError("a bug");
    const { loop, ran } = setup(fault);
    loop.onChain(undefined);
    await expect(Promise.race(loop.failures)).rejects.toBe(fault);
    expect(ran).toEqual([]);
  });
});
