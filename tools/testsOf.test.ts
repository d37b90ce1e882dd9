import { expect, test } from "vitest";
import { sources } from "./sources.ts";
import { testsOf } from "./testsOf.ts";

const file = (path: string, text: string) => ({ path, text, generated: false });

test("tests are found by what they import, nearest first", () => {
  const all = [
    file("in/a.ts", ""),
    file("in/b.ts", 'import { a } from "./a.ts";'),
    file("in/b.test.ts", 'import { b } from "./b.ts";'),
    file("in/a.test.ts", 'import { a } from "./a.ts";'),
    file("in/other.test.ts", 'import { c } from "./c.ts";'),
  ];
  expect(testsOf("in/a.ts", all)).toEqual([
    { test: "in/a.test.ts", steps: 1 },
    { test: "in/b.test.ts", steps: 2 },
  ]);
  expect(() => testsOf("in/none.ts", all)).toThrow(RangeError);
});

/** Started as processes, threads, packages or a page by stories in test/, imported by none. */
const STARTED =
  /^src\/(admin|cli|exit|localnet|packages)\/|Worker\.ts$|^src\/journal\/sqlite\/dropRecords\.ts$/;

test("every source file that no story starts as a process is reached by a test", () => {
  const all = sources([".ts"]);
  const untested = all
    .map(({ path }) => path)
    .filter((path) => path.startsWith("src/") && !/\.(test|testkit|d)\.ts$/.test(path))
    .filter((path) => !STARTED.test(path) && testsOf(path, all).length === 0);
  expect(untested).toEqual([]);
});
