/** Short words about what was done, read aloud as they come. */
import { signal } from "@preact/signals";
import { messageOf } from "./format.ts";

interface Toast {
  readonly id: number;
  readonly tone: "good" | "bad" | "plain";
  readonly text: string;
}

const toasts = signal<readonly Toast[]>([]);
const GOOD_MS = 6000;
const BAD_MS = 20_000;
const MOST = 4;
let nextId = 1;

export function toast(text: string, tone: Toast["tone"] = "good"): void {
  const id = nextId++;
  toasts.value = [...toasts.value, { id, tone, text }].slice(-MOST);
  setTimeout(() => dismiss(id), tone === "bad" ? BAD_MS : GOOD_MS);
}

export function toastError(error: unknown): void {
  toast(messageOf(error), "bad");
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, tone, text }) => (
        <div key={id} class={`toast ${tone}`}>
          <span class="wrap-anywhere">{text}</span>
          <button type="button" aria-label="Dismiss" onClick={() => dismiss(id)}>
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}
