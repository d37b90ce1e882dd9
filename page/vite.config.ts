/** How the page is built; run by tools/page/build.ts. `vite page` serves it while it is written. */
import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  // Wherever it is served, also below a path.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2024",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Fonts and pictures have names of their own; all of it lies in assets/.
    assetsDir: "assets",
    reportCompressedSize: false,
  },
  // For `vite page` alone: the operator of `npm start`.
  server: { proxy: { "/v1": { target: "http://127.0.0.1:8080", ws: true } } },
});
