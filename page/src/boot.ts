/** The page's entry: the browser shows what the operator drew before scripts take its time. */

/** Milliseconds after which the page goes on where the browser draws nothing. */
const LATEST_MS = 500;
let isStarted = false;

function start(): void {
  if (isStarted) return;
  isStarted = true;
  void import("./main.tsx");
}

const isDrawn = document.getElementById("app")?.firstElementChild != null;
if (!isDrawn || document.hidden) {
  start();
} else {
  requestAnimationFrame(() => setTimeout(start));
  setTimeout(start, LATEST_MS);
}
