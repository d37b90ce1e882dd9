/** The trading key comes back with its passphrase alone, and only for what it was sealed for. */
import { describe, expect, it } from "vitest";
import { toAddress } from "../../../src/base/address.ts";
import type { Hex } from "../../../src/base/hex.ts";
import { openKey, readStored, sealKey } from "./vault.ts";

const KEY: Hex = `0x${"5a".repeat(32)}`;
const facts = {
  mediator: toAddress(`0x${"11".repeat(20)}`),
  owner: toAddress(`0x${"22".repeat(20)}`),
  key: toAddress(`0x${"33".repeat(20)}`),
};

describe("a sealed trading key", () => {
  it("a sealed key opens with its passphrase, however the letters are composed", async () => {
    const sealed = await sealKey(KEY, facts, "caf\u00e9 at noon");
    expect(await openKey(sealed, "cafe\u0301 at noon")).toBe(KEY);
    expect(JSON.stringify(sealed)).not.toContain("5a5a5a");
  });

  it("a sealed key opens with no other passphrase, nor once anything was changed", async () => {
    const sealed = await sealKey(KEY, facts, "right words");
    expect(await openKey(sealed, "wrong words")).toBeUndefined();
    const stranger = toAddress(`0x${"44".repeat(20)}`);
    expect(await openKey({ ...sealed, owner: stranger }, "right words")).toBeUndefined();
    const broken = `${sealed.sealed.slice(0, -1)}${sealed.sealed.endsWith("0") ? "1" : "0"}`;
    expect(await openKey({ ...sealed, sealed: broken }, "right words")).toBeUndefined();
  });

  it("a sealed key is read again from what is kept, for its exchange alone", async () => {
    const sealed = await sealKey(KEY, facts, "right words");
    const text = JSON.stringify(sealed);
    expect(readStored(text, facts.mediator)).toEqual({ kind: "sealed", sealed });
    expect(readStored(text, facts.owner)).toEqual({ kind: "unreadable", text });
  });

  it.each([
    ["cut short", (text: string) => text.slice(0, -3)],
    ["of a later version", (text: string) => text.replace('"version":1', '"version":2')],
    ["with a seal that is no hex", (text: string) => text.replace('"sealed":"0x', '"sealed":"zz')],
    [
      "with endless work",
      (text: string) => text.replace(/"iterations":\d+/, '"iterations":9007199254740991'),
    ],
    ["that is no object", () => "null"],
  ])("a kept key %s is told as unreadable, with its record", async (_, damage) => {
    const text = damage(JSON.stringify(await sealKey(KEY, facts, "right words")));
    expect(readStored(text, facts.mediator)).toEqual({ kind: "unreadable", text });
  });

  it("a sealed key is another text each time: nobody sees that two keys are the same", async () => {
    const [a, b] = [await sealKey(KEY, facts, "words"), await sealKey(KEY, facts, "words")];
    expect(a.sealed).not.toBe(b.sealed);
  });
});
