/** Colours of the style sheet for canvases, which know no variables. */

/** `name`: of a variable, without its dashes; as the present theme has it. */
export function colorOf(name: string, alpha = 1): string {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  const [red, green, blue] = color.match(/[\d.]+/g) ?? ["128", "128", "128"];
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}
