/** Work gathered for the next picture: however much comes in between, it is drawn once. */

/** Milliseconds between two runs where nobody looks: browsers draw no hidden page. */
const HIDDEN_MS = 500;

/**
 * A function that runs `work` at once, and then no more often than every `pauseMs`; the last call is
 * never lost.
 */
export function atMostEvery(pauseMs: number, work: () => void): () => void {
  let last = Number.NEGATIVE_INFINITY;
  let isWaiting = false;
  const run = () => {
    isWaiting = false;
    last = performance.now();
    work();
  };
  return () => {
    if (isWaiting) return;
    const left = last + pauseMs - performance.now();
    if (left <= 0) return run();
    isWaiting = true;
    setTimeout(run, left);
  };
}

/** A function that runs `work` once before the next picture, however often it is called. */
export function onNextFrame(work: () => void): () => void {
  let isWaiting = false;
  const run = () => {
    isWaiting = false;
    work();
  };
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    if (document.hidden) setTimeout(run, HIDDEN_MS);
    else requestAnimationFrame(run);
  };
}
