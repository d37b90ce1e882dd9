import { describe, expect, it } from "vitest";
import type { Fields, Log } from "../../base/log.ts";
import type { Endpoint } from "../../chain/rpc/endpoint.ts";
import { quarterSize } from "../../protocol/rounds.ts";
import { SourceRotation } from "./sourceRotation.ts";

const NAMES = ["a", "b", "c", "d", "e"];

interface Setup {
  readonly count?: number;
  readonly quarter?: number;
  /** Blocks by which an endpoint trails; undefined: it does not answer. */
  readonly behind?: Readonly<Record<string, number | undefined>>;
}

/** Endpoints that are well, and take turns in their order. */
function setup({ count = 3, quarter = 48, behind = {} }: Setup = {}) {
  let head = 0;
  const all = NAMES.slice(0, count).map((origin) => ({
    origin,
    client: {
      getBlockNumber: async () => {
        const blocks = origin in behind ? behind[origin] : 0;
        if (blocks === undefined) throw new Error("no answer");
        return BigInt(head - blocks);
      },
    },
  })) as unknown as Endpoint[];
  let place = 0;
  let isOn = false;
  const endpoints = {
    endpoints: () => all,
    rotate: () => {
      if (count === 1) return undefined;
      place = (place + 1) % count;
      isOn = true;
      return all[place];
    },
    endRotation: () => {
      isOn = false;
    },
  };
  const lines: Fields[] = [];
  const say = (_event: string, fields: Fields = {}) => lines.push(fields);
  const log = { info: say, warn: say, error: say, flush: async () => {} } as unknown as Log;
  const schedule = { genesisBlock: 0, roundSize: 4 * quarter };
  const rotation = new SourceRotation({ endpoints, schedule, log });
  const deadline = 4 * quarter + quarterSize(schedule) - 1;
  const owed = [{ deadlineBlock: deadline }];
  return {
    deadline,
    lines,
    first: () => all[isOn ? place : 0]?.origin,
    look: (at: number, what = owed) => {
      head = at;
      return rotation.look(at, what);
    },
    failed: (at: number, begun: number) => {
      head = at;
      return rotation.failed(at, begun);
    },
  };
}

describe("the rotation of endpoints", () => {
  it("the endpoints take no turns while there is time, or nothing is owed", async () => {
    const { look, first, lines, deadline } = setup();
    for (let head = 192; head <= deadline - 24; head++) await look(head);
    for (let head = 192; head <= deadline; head++) await look(head, []);
    expect(first()).toBe("a");
    expect(lines).toEqual([]);
  });

  it.each([
    [48, 2, 1],
    [48, 3, 1],
    [48, 5, 1],
    [16, 2, 1],
    [96, 3, 5],
  ])(
    "each endpoint has a turn before the rescue window and in it: quarter %i, %i endpoints, every block %i",
    async (quarter, count, step) => {
      const { look, first, deadline } = setup({ quarter, count });
      const seen: [number, string | undefined][] = [];
      for (let head = 4 * quarter; head < deadline; head += step) {
        await look(head);
        seen.push([head, first()]);
      }
      const between = (from: number, to: number) =>
        new Set(seen.filter(([head]) => head >= from && head <= to).map(([, one]) => one));
      const everybody = new Set(NAMES.slice(0, count));
      expect(between(0, deadline - quarter / 2)).toEqual(new Set(["a"]));
      expect(between(deadline - quarter / 2, deadline)).toEqual(everybody);
      expect(between(deadline - quarter / 4, deadline)).toEqual(everybody);
    },
  );

  it("the first endpoint is the first again once nothing is owed", async () => {
    const { look, first, deadline } = setup();
    await look(deadline - 20);
    expect(first()).toBe("b");
    await look(deadline - 19, []);
    expect(first()).toBe("a");
  });

  it("a turn does not end because the endpoint shows many blocks at once", async () => {
    const { look, first, deadline } = setup({ count: 2 });
    await look(deadline - 20);
    for (const head of [deadline - 14, deadline - 13, deadline - 12]) {
      await look(head);
      expect(first()).toBe("b");
    }
  });

  it("an endpoint that stands still, or does not answer, has no turn", async () => {
    const { look, first, deadline } = setup({ count: 4, behind: { b: 13, c: undefined, d: 12 } });
    await look(deadline - 20);
    expect(first()).toBe("d");
    const alone = setup({ count: 2, behind: { b: 13 } });
    // One of two trails: a is found again.
    await alone.look(alone.deadline - 20);
    expect(alone.first()).toBe("a");
  });

  it("a try that failed gives the turn to the next endpoint, unless it began before", async () => {
    const { failed, first, lines } = setup();
    await failed(200, 200);
    await failed(200, 200);
    expect(first()).toBe("b");
    await failed(202, 199);
    expect(first()).toBe("b");
    await failed(202, 201);
    expect(first()).toBe("c");
    expect(lines).toHaveLength(2);
  });

  it("a try that failed some heads after it began gives the turn on, too", async () => {
    const { failed, look, first, deadline } = setup({ count: 2 });
    await look(deadline - 20);
    await look(deadline - 19);
    await failed(deadline - 19, deadline - 20);
    expect(first()).toBe("a");
  });

  it("a duty whose deadline is past gives nobody a turn, nor does one endpoint alone", async () => {
    const { look, first, lines, deadline } = setup();
    await look(deadline);
    expect(first()).toBe("a");
    const alone = setup({ count: 1 });
    await alone.look(deadline - 2);
    expect([alone.first(), lines, alone.lines]).toEqual(["a", [], []]);
  });
});
