import { expect, it } from "vitest";
import { toAddress } from "../../base/address.ts";
import { EndpointFailed, InsufficientFunds, RpcUnavailable } from "./errors.ts";

const KEY = toAddress(`0x${"ab".repeat(20)}`);

it("a failure at the chain repeats no full stop of the words that others chose", () => {
  const words = "insufficient funds for gas.";
  const failed = new EndpointFailed("http://a", words);
  expect(failed.message).toMatch("failed: insufficient funds for gas. Check");
  for (const cause of [failed, new Error(words)]) {
    expect(new RpcUnavailable("for its head", cause).message).toMatch(
      "(insufficient funds for gas).",
    );
    expect(new InsufficientFunds("a commit", KEY, cause).message).toMatch("funds for gas). Send");
  }
});
