/** Work gathered for the next picture: however much comes in between, it is drawn once. */

/** Milliseconds between two runs where nobody looks: browsers draw no hidden page. */
const HIDDEN_MS = 500;

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
