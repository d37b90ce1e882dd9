/** What is generated from the contracts is committed as the contracts give it. */
import { beforeAll, describe, expect, it } from "vitest";
import { compile, generate, outdated } from "./build-contracts.ts";

describe("generated files", () => {
  beforeAll(() => compile());

  it("are up to date: run node tools/build-contracts.ts if not", () => {
    expect(generate().size).toBeGreaterThan(8);
    expect(outdated()).toEqual([]);
  });
});
