/**
 * The page's first picture as HTML, drawn by the operator with the parts that the browser draws it
 * with: a visitor sees data before any script runs. Built for Node by tools/page/build.ts.
 */
import { renderToString } from "preact-render-to-string";
import { App } from "./app.tsx";
import { parseFacts, takeFacts } from "./live/exchange.ts";

/** `json`: the facts as the page carries them. Throws where they are no such facts. */
export function drawPicture(json: string): string {
  takeFacts(parseFacts(json));
  return renderToString(<App />);
}
