import { describe, expect, it } from "vitest";
import type { Fields, Log } from "../../base/log.ts";
import { connect } from "../../chain/rpc/rpc.ts";
import { SourceRotation } from "./sourceRotation.ts";

const URLS = ["http://a.test", "http://b.test", "http://c.test"];
/** Quarters of 48 blocks, whose rescue windows are 12. */
const SCHEDULE = { genesisBlock: 0, roundSize: 192 };
const DEADLINE = 239;
const OWED = [{ deadlineBlock: DEADLINE }];

function setup(urls = URLS) {
  const { transport } = connect(urls);
  const lines: Fields[] = [];
  const say = (_event: string, fields: Fields = {}) => lines.push(fields);
  const log = { info: say, warn: say, error: say, flush: async () => {} } as unknown as Log;
  const rotation = new SourceRotation({ endpoints: transport, schedule: SCHEDULE, log });
  const first = () => transport.endpoints()[0]?.origin.at(-6);
  return { rotation, first, lines };
}

describe("the rotation of endpoints", () => {
  it("the endpoints take no turns while there is time, or nothing is owed", () => {
    const { rotation, first, lines } = setup();
    for (let head = 192; head <= DEADLINE - 24; head++) rotation.look(head, OWED);
    for (let head = 192; head <= DEADLINE; head++) rotation.look(head, []);
    expect(first()).toBe("a");
    expect(lines).toEqual([]);
  });

  it("each endpoint has a turn in the rescue window, and before it", () => {
    const { rotation, first } = setup();
    const seen = new Map<number, string | undefined>();
    for (let head = 192; head <= DEADLINE; head++) {
      rotation.look(head, OWED);
      seen.set(head, first());
    }
    const between = (from: number, to: number) =>
      new Set([...seen].filter(([head]) => head >= from && head <= to).map(([, one]) => one));
    expect(between(192, DEADLINE - 24)).toEqual(new Set(["a"]));
    expect(between(DEADLINE - 23, DEADLINE - 12)).toEqual(new Set(["a", "b", "c"]));
    expect(between(DEADLINE - 12, DEADLINE - 1)).toEqual(new Set(["a", "b", "c"]));
  });

  it("the first endpoint is the first again once nothing is owed", () => {
    const { rotation, first } = setup();
    rotation.look(DEADLINE - 20, OWED);
    expect(first()).toBe("b");
    rotation.look(DEADLINE - 19, []);
    expect(first()).toBe("a");
  });

  it("a try that failed gives the turn to the next endpoint, once a block", () => {
    const { rotation, first, lines } = setup();
    rotation.failed(200);
    rotation.failed(200);
    expect(first()).toBe("b");
    rotation.failed(201);
    expect(first()).toBe("c");
    rotation.look(202, OWED);
    expect(first()).toBe("c");
    expect(lines).toHaveLength(2);
  });

  it("a duty whose deadline is past gives nobody a turn, nor does one endpoint alone", () => {
    const { rotation, first, lines } = setup();
    rotation.look(DEADLINE, OWED);
    expect(first()).toBe("a");
    const alone = setup(["http://a.test"]);
    alone.rotation.look(DEADLINE - 2, OWED);
    expect([alone.first(), lines, alone.lines]).toEqual(["a", [], []]);
  });
});
