import { expect, test } from "vitest";
import {
  Alarm,
  assert,
  clause,
  QuarterdeckError,
  reasonOf,
  sentence,
  unreachable,
} from "./errors.ts";

test("a QuarterdeckError says what happened and then what to do, and keeps its cause", () => {
  const cause = new Error("ECONNREFUSED");
  const error = new QuarterdeckError({
    code: "RpcUnreachable",
    message: "No endpoint answers.",
    hint: "Check --rpc.",
    cause,
  });
  expect(error.message).toBe("No endpoint answers. Check --rpc.");
  expect(error).toMatchObject({ code: "RpcUnreachable", hint: "Check --rpc.", cause });
  expect(error.name).toBe("QuarterdeckError");
});

test("an error without a cause has no cause property", () => {
  const error = new QuarterdeckError({ code: "A", message: "B.", hint: "C." });
  expect("cause" in error).toBe(false);
});

test("assert throws an Alarm, and asks for its message only then", () => {
  const never = () => {
    throw new Error("asked");
  };
  expect(() => assert(true, never)).not.toThrow();
  expect(() => assert(0, () => "the sum is 3.")).toThrow(/^the sum is 3\. This must never happen/);
  expect(() => assert(false, "no.")).toThrow(Alarm);
  expect(new Alarm({ code: "A", message: "B.", hint: "C." }).name).toBe("Alarm");
});

test("unreachable names the forgotten case, bigints included", () => {
  expect(() => unreachable({ code: "New", amount: 1n } as never)).toThrow(
    'a case was forgotten: {"code":"New","amount":"1"}.',
  );
  expect(() => unreachable(undefined as never)).toThrow("a case was forgotten: undefined.");
});

test("a message of another library ends with one full stop, whether it brought one or not", () => {
  expect(["It is down", "It is down.", "It is down.\n"].map(sentence)).toEqual(
    Array(3).fill("It is down."),
  );
  expect([new Error("the socket closed."), "the socket closed"].map(reasonOf)).toEqual(
    Array(2).fill("the socket closed"),
  );
  expect(clause("port 8.5")).toBe("port 8.5");
});
