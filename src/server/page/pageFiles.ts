/** Where the build leaves the page (docs/page.md): in the repository as in the package. */
import { existsSync } from "node:fs";
import { join } from "node:path";

export const PAGE_FOLDER = join(import.meta.dirname, "../../../dist/page");
export const PAGE_INDEX = "index.html";

/** Whether there is a page to serve. `folder`: of its build. */
export function hasPage(folder = PAGE_FOLDER): boolean {
  return existsSync(join(folder, PAGE_INDEX));
}
