/** Markdown of generated pages. */

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(inCell).join(" | ")} |`;
  return [line(head), `|${head.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}

function inCell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

export function code(text: string): string {
  return text === "" ? "" : `\`${text}\``;
}

/** A page that says how it is made, with `parts` apart. */
export function page(title: string, ...parts: readonly string[]): string {
  const made = "<!-- Made by `node tools/references.ts` from the code: change it there. -->";
  return `${[`# ${title}`, made, ...parts].join("\n\n")}\n`;
}
