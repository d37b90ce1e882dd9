/**
 * The first picture of the page as HTML, drawn by the page's own code (page/src/picture.tsx), which
 * the build leaves beside it. A visitor sees the exchange before any script has run.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const PICTURE = "picture.mjs";

interface Drawing {
  readonly drawPicture: (facts: string) => string;
}

/**
 * A function from the page's facts, as JSON, to its first picture. The picture is empty where the
 * build has none or cannot draw it: the browser draws the page in any case, a little later. Facts
 * change once a block: however many visitors come in it, it is drawn once.
 */
export function openPicture(folder: string): (facts: string) => Promise<string> {
  const file = join(folder, PICTURE);
  const load = async (): Promise<Drawing> => {
    // A later build is another module.
    const { mtimeMs } = statSync(file);
    return import(`${pathToFileURL(file)}?${mtimeMs}`);
  };
  // Loaded before the first visitor comes.
  load().catch(() => {});
  let last = { drawPicture: undefined as Drawing["drawPicture"] | undefined, facts: "", html: "" };
  return async (facts) => {
    try {
      const { drawPicture } = await load();
      if (last.drawPicture !== drawPicture || last.facts !== facts) {
        last = { drawPicture, facts, html: drawPicture(facts) };
      }
      return last.html;
    } catch {
      return "";
    }
  };
}
