import { expect, test } from "vitest";
import { Metrics } from "../telemetry/metrics.ts";
import { databaseCheck } from "./database.ts";

test("the check fails at once with the reason, and is well again with the database", async () => {
  let problem: string | undefined;
  const metrics = new Metrics();
  const check = databaseCheck({ problem: () => problem, metrics });
  expect(await check.probe()).toMatchObject([{ check: "database", value: 0 }]);
  expect(await metrics.text()).toMatch(/database_up 1/);
  problem = "No answer for 2.0 s.";
  const [reading] = await check.probe();
  expect(reading).toMatchObject({ value: 1, detail: problem, levels: { raiseAfter: 1 } });
  expect(await metrics.text()).toMatch(/database_up 0/);
});
