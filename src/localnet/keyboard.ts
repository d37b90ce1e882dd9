/** Keys that a person presses while `npm start` runs. */

/** The characters that a terminal in raw mode sends for Ctrl-C, Ctrl-D and Ctrl-\. */
const ENDS = ["\u0003", "\u0004", "\u001c"];

/**
 * Tells of each key, and of the ends; gives what leaves the terminal as it was. Where there is no
 * terminal nobody presses keys, and signals end the program.
 */
export function listenToKeys(
  input: NodeJS.ReadStream,
  onKey: (key: string) => void,
  onEnd: () => void,
): () => void {
  if (!input.isTTY) return () => {};
  const take = (text: string) => {
    for (const key of text) {
      if (ENDS.includes(key)) onEnd();
      else onKey(key);
    }
  };
  // A terminal that is closed takes no mode any more, and says so when it is left.
  input.on("error", onEnd);
  input.setEncoding("utf8").setRawMode(true).on("data", take).resume();
  return () => {
    input.off("data", take).setRawMode(false).pause();
  };
}
