/** The examples under deploy/ keep to what the command line really takes. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { operatorCommand } from "../src/cli/operator.ts";
import { EXIT_CONFIGURATION } from "../src/cli/report.ts";
import { OPERATOR_FLAGS } from "../src/localnet/supervise.ts";
import { PASSWORD_VARIABLE } from "../src/operator/config/config.ts";
import { guardsSchema } from "../src/operator/health/healthConfig.ts";
import { sources } from "./sources.ts";

const ROOT = join(import.meta.dirname, "..");
const UNIT = "deploy/systemd/quarterdeck.service";
const FLAGS = operatorCommand().options.map(({ long }) => long as string);
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

it("an operator has the same options of Node.js, whatever starts it", () => {
  for (const path of [UNIT, "deploy/Containerfile"]) {
    const options = /^(?:ENV |Environment=")NODE_OPTIONS=([^"\n]*)"?$/m.exec(read(path))?.[1];
    expect(options?.split(" "), path).toEqual(expect.arrayContaining([...OPERATOR_FLAGS]));
  }
});

describe("the systemd unit", () => {
  const unit = read(UNIT);
  const settingOf = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(unit)?.[1];

  it("the systemd unit starts the operator with options that exist", () => {
    const command = settingOf("ExecStart") as string;
    const [, , name, ...words] = command.split(" ");
    expect(command).toMatch(/\/bin\/quarterdeck\.mjs operator /);
    expect(name).toBe("operator");
    const flags = words.filter((word) => word.startsWith("--"));
    expect(flags).not.toEqual([]);
    expect(flags.filter((flag) => !FLAGS.includes(flag))).toEqual([]);
    expect(unit).toContain(PASSWORD_VARIABLE);
  });

  it("the systemd unit does not restart what no restart corrects, and all else for ever", () => {
    expect(settingOf("RestartPreventExitStatus")).toBe(String(EXIT_CONFIGURATION));
    expect(settingOf("Restart")).toBe("on-failure");
    expect(settingOf("StartLimitIntervalSec")).toBe("0");
    expect(settingOf("LimitCORE")).toBe("0");
  });

  it.skipIf(spawnSync("systemd-analyze", ["--version"]).status !== 0)("the unit is valid", () => {
    const folder = mkdtempSync(join(tmpdir(), "quarterdeck-unit-"));
    try {
      // Only the places of this machine differ.
      const here = unit
        .replaceAll("/opt/quarterdeck", ROOT)
        .replace("/usr/bin/node", process.execPath);
      const file = join(folder, "quarterdeck.service");
      writeFileSync(file, here);
      const { status, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", file], {
        encoding: "utf8",
      });
      const complaints = stderr
        .split("\n")
        .filter((line) => line.includes(file) && !/RestartSteps|RestartMaxDelaySec/.test(line));
      expect(complaints).toEqual([]);
      expect(status, stderr).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("the Containerfile", () => {
  const text = read("deploy/Containerfile");

  it("the Containerfile copies what exists, and all that the command needs to start", () => {
    const copied = [...text.matchAll(/^COPY (?!--from)(.*)$/gm)].flatMap(([, words]) =>
      (words as string).split(" ").slice(0, -1),
    );
    expect(copied.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(copied).toEqual(
      expect.arrayContaining(["package-lock.json", "bin", "src", "tools/child.mjs"]),
    );
  });

  it("the Containerfile runs the operator with real options, unprivileged, and watches it", () => {
    const [command, ...words] = JSON.parse(/^CMD (\[.*\])$/m.exec(text)?.[1] as string) as string[];
    expect(command).toBe("operator");
    const flags = words.filter((word) => word.startsWith("--"));
    expect(flags.filter((flag) => !FLAGS.includes(flag))).toEqual([]);
    expect(text).toMatch(/^USER node$/m);
    expect(text).toMatch(/^HEALTHCHECK [\s\S]*\/health\/live/m);
    const major = /FROM .*node:(\d+)/.exec(text)?.[1];
    const pinned = JSON.parse(read("package.json")).devDependencies.node as string;
    expect(major).toBe(pinned.split(".")[0]);
  });

  it("the Containerfile has a health check that is a program", () => {
    const check = JSON.parse(/^ {2}CMD (\[.*\])$/m.exec(text)?.[1] as string) as string[];
    const [, ...args] = check;
    // Nobody listens on that port: it must say so, and not fail to parse.
    const script = (args[1] as string).replace("8080", "1");
    const outcome = spawnSync(process.execPath, ["-e", script], { encoding: "utf8" });
    expect({ status: outcome.status, stderr: outcome.stderr }).toEqual({ status: 1, stderr: "" });
  });
});

describe("the dashboard", () => {
  it("the dashboard is JSON with a panel for each place, none over another", () => {
    const { panels } = JSON.parse(read("deploy/grafana/quarterdeck.json")) as {
      panels: { id: number; gridPos: { x: number; y: number; w: number; h: number } }[];
    };
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });
});

describe("the documents", () => {
  it("the documents name files of deploy/ that exist", () => {
    const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "deploy"], {
      cwd: ROOT,
      encoding: "utf8",
    });
    const named = [
      ...read("deploy/README.md").matchAll(/`((?:systemd|prometheus|grafana)\/[\w.]+)`/g),
    ];
    expect(named.length).toBeGreaterThan(2);
    for (const [, path] of named) {
      expect(listed).toContain(`deploy/${path}`);
    }
  });

  it("the documents name every bound of the health checks, with its default", () => {
    const page = read("docs/monitoring.md");
    const { everyMs, ...bounds } = guardsSchema.parse(undefined);
    expect(page).toContain(`${everyMs / 1000} s`);
    for (const [name, { warn }] of Object.entries(bounds)) {
      const row = page.split("\n").find((line) => line.includes(`\`${name}\`:`)) ?? name;
      const raise = Number(warn?.raise);
      const shown = raise >= 2 ** 30 ? `${raise / 2 ** 30} GiB` : raise.toLocaleString("en");
      expect(row).toContain(`\`${name}\`: ${shown}`);
    }
  });
});

describe("the rules of Prometheus", () => {
  it("the rules of Prometheus have each alert in the table of what to do", () => {
    const alerts = [...read("deploy/prometheus/quarterdeck.rules.yml").matchAll(/alert: (\w+)/g)];
    const names = alerts.map(([, name]) => name as string);
    expect(names.length).toBeGreaterThan(10);
    const page = read("docs/operations.md");
    expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});

describe("the names of metrics", () => {
  const source = sources([".ts"])
    .filter(({ path }) => path.startsWith("src/operator/") && !path.endsWith(".test.ts"))
    .map(({ text }) => text)
    .join("\n");
  const names = [...source.matchAll(/\.(set|add)\(\s*"([a-z_]+)"/g)];

  it("the names of metrics keep to base units, and say total where they count", () => {
    expect(names.length).toBeGreaterThan(20);
    for (const [, kind, name = ""] of names) {
      expect(name).not.toMatch(
        /_(days|hours|minutes|weeks|milliseconds|ms|percent|mi?b|ki?b|gi?b)$/,
      );
      expect(name.endsWith("_total"), name).toBe(kind === "add");
    }
  });
});

describe("the Alertmanager example", () => {
  const example = read("deploy/alertmanager/quarterdeck.yml");
  const rules = read("deploy/prometheus/quarterdeck.rules.yml");

  it("the Alertmanager example names known receivers, severities, alerts, and no secret", () => {
    const receivers = [...example.matchAll(/- name: (\S+)/g)].map(([, name]) => name);
    const used = [...example.matchAll(/^ +(?:receiver|- receiver): (\S+)/gm)].map(
      ([, name]) => name,
    );
    expect(used.length).toBeGreaterThan(1);
    expect(receivers.toSorted()).toEqual([...new Set(used)].toSorted());
    for (const [, severity] of example.matchAll(/severity="(\w+)"/g)) {
      expect(rules).toContain(`severity: ${severity}`);
    }
    const alerts = example.match(/Quarterdeck[A-Z]\w+/g) ?? [];
    expect(alerts.length).toBeGreaterThan(3);
    for (const alert of alerts) expect(rules).toContain(`alert: ${alert}\n`);
    expect(example).not.toMatch(/https?:\/\//);
  });
});
