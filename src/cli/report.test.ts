import { expect, test } from "vitest";
import { Alarm } from "../base/errors.ts";
import { EXIT_CONFIGURATION, exitCodeOf } from "./report.ts";

test.each(["JournalWentBack", "JournalChanged"])("no supervisor starts again after %s", (code) => {
  const alarm = new Alarm({ code, message: "Records are gone.", hint: "Restore them." });
  expect(exitCodeOf(alarm)).toBe(EXIT_CONFIGURATION);
});

test("a supervisor starts again after anything else", () => {
  expect(exitCodeOf(new Error("some fault"))).not.toBe(EXIT_CONFIGURATION);
});
