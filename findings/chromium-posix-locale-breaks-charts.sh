#!/usr/bin/env bash
# Chromium 153 (@sparticuz/chromium 153.0.0) in the locale C, C.UTF-8 or POSIX, with uPlot 1.6.32 and
# lightweight-charts 5.2.1: pages with charts fail, since the browser names a language that is none.
#
# Expected: navigator.language is a BCP 47 tag that Intl takes, as the HTML standard says
#   ("a valid BCP 47 language tag"); a chart library draws with the browser's default.
# Seen: with LC_ALL=C.UTF-8, as container images set it, and in the POSIX locale, which cron jobs
#   have, the browser says "en-US@posix". Intl.NumberFormat throws a RangeError at it. uPlot hands it to Intl while it
#   is loaded, so that importing it throws, and the page with it; lightweight-charts hands it to
#   toLocaleString whenever it writes a date on its time axis, so that a chart throws at each picture.
# What to do: start the browser with LC_ALL=en_US.UTF-8, whether the machine has that locale or not;
#   in a page, give lightweight-charts `localization.locale`, and load uPlot after navigator.language
#   was replaced where Intl.getCanonicalLocales throws at it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private":true,"type":"module"}' > package.json
timeout 900 npm install --silent --prefer-offline --no-audit --no-fund --ignore-scripts \
  @sparticuz/chromium@153.0.0 playwright-core@1.65.1 uplot@1.6.32 lightweight-charts@5.2.1
mkdir unpacked

cat > unpack.js <<'JS'
import { inflate } from "@sparticuz/chromium";

const packed = "node_modules/@sparticuz/chromium/bin/";
for (const part of ["chromium.br", "fonts.tar.br", "swiftshader.tar.br", "al2023.tar.br"]) {
  await inflate(packed + part);
}
JS
TMPDIR="$work/unpacked" node unpack.js

cat > try.js <<'JS'
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const library = (name) => readFileSync(`node_modules/${name}`, "utf8");
const uplot = library("uplot/dist/uPlot.iife.js");
const charts = library("lightweight-charts/dist/lightweight-charts.standalone.production.js");

for (const locale of ["C.UTF-8", "POSIX", "en_US.UTF-8"]) {
  const { LANG, LANGUAGE, ...env } = process.env;
  const browser = await chromium.launch({
    executablePath: "unpacked/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
    env: { ...env, LC_ALL: locale, LD_LIBRARY_PATH: "unpacked/al2023/lib" },
  });
  const page = await browser.newPage();
  const thrown = new Set();
  page.on("pageerror", ({ name, message }) => thrown.add(`${name}: ${message}`));
  const say = (what, words) => console.log(`${locale} ${what}: ${words}`);
  say("language", await page.evaluate(() => navigator.language));
  const intl = await page.evaluate(() => {
    try {
      return new Intl.NumberFormat(navigator.language).format(1.5);
    } catch (error) {
      return String(error);
    }
  });
  say("Intl", intl);
  await page.setContent("<div id=box></div>");
  for (const [name, script] of [["uPlot", uplot], ["lightweight-charts", charts]]) {
    thrown.clear();
    await page.addScriptTag({ content: script }).catch(() => {});
    if (name === "lightweight-charts") {
      await page.evaluate(() => {
        const { createChart, LineSeries } = LightweightCharts;
        const chart = createChart(document.getElementById("box"), { width: 600, height: 300 });
        const data = [1, 2, 3].map((day) => ({ time: 1_700_000_000 + day * 86_400, value: day }));
        chart.addSeries(LineSeries).setData(data);
      });
      await page.waitForTimeout(1500);
    }
    say(name, [...thrown].join("; ") || "no error");
  }
  await browser.close();
}
JS
node try.js | tee seen
diff - seen <<'SEEN'
C.UTF-8 language: en-US@posix
C.UTF-8 Intl: RangeError: Invalid language tag: en-US@posix
C.UTF-8 uPlot: RangeError: Invalid language tag: en-US@posix
C.UTF-8 lightweight-charts: RangeError: Invalid language tag: en-US@posix
POSIX language: en-US@posix
POSIX Intl: RangeError: Invalid language tag: en-US@posix
POSIX uPlot: RangeError: Invalid language tag: en-US@posix
POSIX lightweight-charts: RangeError: Invalid language tag: en-US@posix
en_US.UTF-8 language: en-US
en_US.UTF-8 Intl: 1.5
en_US.UTF-8 uPlot: no error
en_US.UTF-8 lightweight-charts: no error
SEEN
