/** How the page is built; run by tools/page/build.ts. `vite page` serves it while it is written. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type Plugin } from "vite";

const GROUPS = [
  // The bundler's helper is boot.ts's too, which must not wait for the rest.
  { name: "helper", test: /vite\/preload-helper/, priority: 1 },
  { name: firstVisit(), debugName: "first visit" },
];

export default defineConfig({
  root: import.meta.dirname,
  // Wherever it is served, also below a path.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [head()],
  build: {
    target: "es2024",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Fonts and pictures have names of their own; all of it lies in assets/.
    assetsDir: "assets",
    reportCompressedSize: false,
    rolldownOptions: {
      output: { codeSplitting: { groups: GROUPS } },
    },
  },
  // For `vite page` alone: the operator of `npm start`.
  server: { proxy: { "/v1": { target: "http://127.0.0.1:8080", ws: true } } },
});

/**
 * Puts everything that main.tsx loads at once into one file: a first visit asks for it once, and
 * not for a dozen small ones that views which come later share with it.
 */
function firstVisit() {
  let first: ReadonlySet<string> | undefined;
  return (id: string, modules: Modules): string | null => {
    first ??= reachedFrom(join(import.meta.dirname, "src/main.tsx"), modules);
    return first.has(id) ? "first" : null;
  };
}

interface Modules {
  getModuleInfo(id: string): { readonly importedIds: readonly string[] } | null;
}

/** `entry` and all that it imports at once. */
function reachedFrom(entry: string, modules: Modules): Set<string> {
  const reached = new Set([entry]);
  for (const id of reached) {
    for (const next of modules.getModuleInfo(id)?.importedIds ?? []) reached.add(next);
  }
  return reached;
}

/**
 * Names in the HTML what the first visit wants: early.js, which runs before anything is drawn, and
 * the script that boot.ts starts after the first picture, so that it arrives meanwhile.
 */
function head(): Plugin {
  return {
    name: "head",
    apply: (_, { isSsrBuild }) => isSsrBuild !== true,
    buildStart() {
      const source = readFileSync(join(import.meta.dirname, "early.js"));
      this.emitFile({ type: "asset", name: "early.js", source });
    },
    transformIndexHtml: {
      order: "post",
      handler(_, { bundle }) {
        // Without a bundle it is served while it is written.
        if (bundle === undefined) return [];
        const files = Object.values(bundle);
        const main = files.find((one) => one.type === "chunk" && one.name === "main");
        const first = files.find((one) => one.type === "asset" && one.names.includes("early.js"));
        if (main?.type !== "chunk" || first === undefined) throw new Error("No main, or no early");
        return [
          { tag: "script", attrs: { src: `./${first.fileName}` }, injectTo: "head-prepend" },
          ...[main.fileName, ...main.imports].map((name) => ({
            tag: "link",
            attrs: { rel: "modulepreload", href: `./${name}` },
            injectTo: "head" as const,
          })),
        ];
      },
    },
  };
}
