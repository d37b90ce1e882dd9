/** Light or dark: the system's choice, or the visitor's own, which is kept. */
import { signal } from "@preact/signals";
import { isBrowser } from "./live/browser.ts";

export type Theme = "system" | "light" | "dark";
const KEY = "quarterdeck.theme";
const system = isBrowser ? matchMedia("(prefers-color-scheme: dark)") : undefined;

function stored(): Theme {
  const text = isBrowser ? localStorage.getItem(KEY) : null;
  return text === "light" || text === "dark" ? text : "system";
}

export const theme = signal<Theme>(stored());
/** Whether dark colours are seen. A canvas, without a style sheet, is drawn anew with it. */
export const isDark = signal(false);

function apply(): void {
  const chosen = theme.value;
  if (chosen === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = chosen;
  isDark.value = chosen === "system" ? system?.matches === true : chosen === "dark";
}

export function chooseTheme(chosen: Theme): void {
  theme.value = chosen;
  if (chosen === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, chosen);
  apply();
}

system?.addEventListener("change", apply);
if (isBrowser) apply();
