import { defineConfig } from "vitest/config";

/** Pure rules: they start no process, and change nothing of their own. */
const UNITS = ["base", "protocol", "exchange", "wire"].map((room) => `src/${room}/**/*.test.ts`);
/** Globals that are replaced, and what a worker has open: no other file may share it. */
const ISOLATED = ["sim/**/*.test.ts", "src/chain/rpc/webSocket.test.ts"];
/** Operators and databases that wait for each other, or for blocks, more than they compute. */
const PAIRS = [
  "test/start.test.ts",
  "test/commit-quorum.test.ts",
  "test/statements-handover.test.ts",
  "test/stream-book.test.ts",
  "test/crash-load.test.ts",
  "src/journal/postgres/*.test.ts",
  "src/operator/sequencing/leaderElection.test.ts",
];
/** Blocks by the clock, kills, and what people wait for: each of these files takes the machine. */
const ALONE = [
  "test/page.test.ts",
  "test/page-handover.test.ts",
  "test/page-load.test.ts",
  "test/page-wallet.test.ts",
  "test/several-operators.test.ts",
  "test/several-operators-load.test.ts",
];
const ALL = ["src", "page", "tools", "test", "sim"].map((folder) => `${folder}/**/*.test.ts`);

const limits = {
  // Stories on a real chain take a minute; none may hang for ever.
  testTimeout: 240_000,
  hookTimeout: 120_000,
  // What is waited for comes at once on an idle machine, and within this on a busy one.
  expect: { poll: { timeout: 60_000 } },
  pool: "forks",
  globalSetup: "test/support/exchange/buildCommands.ts",
} as const;
/** For blocks by the clock, and processes that take seconds to start where all is slow. */
const slowly = { testTimeout: 600_000, hookTimeout: 240_000 } as const;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...limits,
          name: "units",
          include: UNITS,
          maxWorkers: 2,
          // A worker loads a module once for all its files: half of what these took was loading.
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...limits,
          name: "side-by-side",
          include: ALL,
          exclude: [...UNITS, ...ISOLATED, ...PAIRS, ...ALONE],
          // Processes are waited for more than anything is computed.
          maxWorkers: 3,
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...limits,
          name: "isolated",
          include: ISOLATED,
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...limits,
          ...slowly,
          name: "pairs",
          include: PAIRS,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...limits,
          ...slowly,
          name: "alone",
          include: ALONE,
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
