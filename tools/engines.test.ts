/** The oldest Node of each way to run Quarterdeck, wherever one is named. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { PACKAGES } from "./packages/plans.ts";
import { ROOT } from "./sources.ts";

const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const engineOf = (manifest: unknown) =>
  (manifest as { engines?: { node?: string } } | undefined)?.engines?.node;

it("manifests ask for the Node that the command checks for", () => {
  const [, oldest] = /^const OLDEST = (\d+);$/m.exec(read("bin/quarterdeck.mjs")) ?? [];
  const plan = PACKAGES.find(({ bin }) => bin !== undefined);
  expect({
    root: engineOf(JSON.parse(read("package.json"))),
    lock: engineOf(JSON.parse(read("package-lock.json")).packages[""]),
    published: plan?.node,
  }).toEqual({ root: `>=${oldest}`, lock: `>=${oldest}`, published: `>=${oldest}` });
  expect(read("tools/packages/quarterdeck.md")).toContain(`Needs Node ${oldest}`);
  expect(read("deploy/README.md")).toContain(`Node ${oldest} at`);
});

it("the README names the Node that suffices to install and start the repository", () => {
  const bootstrap = read("tools/bootstrap.mjs");
  const [, oldest] = /versions\.node\.split\("\."\)\[0\]\) < (\d+)\)/.exec(bootstrap) ?? [];
  expect(read("README.md")).toMatch(new RegExp(`^Node ${oldest} or later and npm are all`, "m"));
  expect(bootstrap).toContain(`Install Node ${oldest} or later.`);
  // The manifest asks for more, and npm would refuse an older one where the user is strict.
  expect(bootstrap).toContain("--engine-strict=false");
});
