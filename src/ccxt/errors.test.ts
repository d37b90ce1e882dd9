/** Bots try again what is of ccxt's `NetworkError`: those refusals alone may be that pass. */
import * as ccxt from "ccxt";
import { expect, it } from "vitest";
import { OperatorUnreachable, RefusedByOperator } from "../client/api.ts";
import { BadArgument } from "../client/checks/badArgument.ts";
import { signedOrder } from "../client/fakeOperator.testkit.ts";
import { ACT_OF_REFUSAL, REFUSAL_CODES } from "../protocol/refusals.ts";
import { ERROR_NAMES, RETRIED } from "../unified/errors.ts";
import { CLASSES, toCcxtError } from "./errors.ts";

it.each(REFUSAL_CODES)("the refusal %s is tried again by bots only if it may pass", (code) => {
  const made = toCcxtError("x", new RefusedByOperator(code, ACT_OF_REFUSAL[code], "Words."));
  expect(made instanceof ccxt.NetworkError).toBe(ACT_OF_REFUSAL[code] === "retry");
  expect(made.message).toContain(code);
});

it("each class is ccxt's of that name, and of its family where bots try again", () => {
  for (const name of ERROR_NAMES) {
    const made = new CLASSES[name]("x");
    expect(made.constructor).toBe((ccxt as unknown as Record<string, unknown>)[name]);
    expect(made instanceof ccxt.NetworkError, name).toBe(RETRIED.includes(name));
  }
});

it("errors of the library and of strangers have a class", () => {
  const open = new OperatorUnreachable("http://x", "silence").about([signedOrder(1n)]);
  expect(toCcxtError("x", open)).toBeInstanceOf(ccxt.RequestTimeout);
  const plain = new OperatorUnreachable("http://x", "silence");
  expect(toCcxtError("x", plain)).toBeInstanceOf(ccxt.ExchangeNotAvailable);
  expect(toCcxtError("x", new BadArgument("price", "no", "Mend."))).toBeInstanceOf(
    ccxt.InvalidOrder,
  );
  const later = new RefusedByOperator("AWordOfALaterRelease", "retry", "Words.");
  for (const unknown of [later, new Error("anything"), "text", undefined]) {
    expect(toCcxtError("x", unknown)).toBeInstanceOf(ccxt.ExchangeError);
    expect(toCcxtError("x", unknown)).not.toBeInstanceOf(ccxt.NetworkError);
  }
  const own = new ccxt.BadSymbol("as it is");
  expect(toCcxtError("x", own)).toBe(own);
});
