/** The parts that every view is put together of. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { isStale } from "../live/exchange.ts";
import { Toasts } from "./toasts.tsx";

interface PanelProps {
  readonly title: ComponentChildren;
  readonly about?: ComponentChildren;
  readonly actions?: ComponentChildren;
  /** Content that comes over the stream: greyed out where that breaks. */
  readonly live?: boolean;
  readonly flush?: boolean;
  readonly class?: string;
  readonly children: ComponentChildren;
}

export function Panel({ title, about, actions, live, flush, children, ...rest }: PanelProps) {
  return (
    <section
      class={`panel ${rest.class ?? ""}`}
      data-stale={(live === true && isStale.value) || undefined}
    >
      <header>
        <div>
          <h2>{title}</h2>
          {about === undefined ? null : <p>{about}</p>}
        </div>
        {actions}
      </header>
      <div class={flush ? "panel-body flush" : "panel-body"}>{children}</div>
    </section>
  );
}

interface Column<Row> {
  readonly name: string;
  readonly isNumber?: boolean;
  readonly cell: (row: Row) => ComponentChildren;
}

interface TableProps<Row> {
  /** Read aloud; shown to nobody. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string | number;
  readonly empty: ComponentChildren;
}

export function DataTable<Row>({ caption, columns, rows, keyOf, empty }: TableProps<Row>) {
  if (rows.length === 0) return <Empty>{empty}</Empty>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: keys scroll it
    <section class="table-scroll" tabIndex={0} aria-label={caption}>
      <table>
        <caption class="only-spoken">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ name, isNumber }) => (
              <th key={name} scope="col" class={isNumber ? "num" : undefined}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ name, isNumber, cell }) => (
                <td key={name} class={isNumber ? "num" : undefined}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <div class="empty">{typeof children === "string" ? <p>{children}</p> : children}</div>;
}

type Tone = "good" | "bad" | "warn" | "accent" | "plain";

export function Tag({ tone = "plain", children }: { tone?: Tone; children: ComponentChildren }) {
  return <span class={`tag ${tone}`}>{children}</span>;
}

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly options: readonly (readonly [T, string])[];
  readonly value: T;
  readonly onChange: (value: T) => void;
}

/** One of a few, as buttons beside each other. */
export function Segments<T extends string>({ label, options, value, onChange }: ChoiceProps<T>) {
  return (
    <fieldset class="segments bare" aria-label={label}>
      {options.map(([name, text]) => (
        <button
          key={name}
          type="button"
          aria-pressed={name === value}
          onClick={() => onChange(name)}
        >
          {text}
        </button>
      ))}
    </fieldset>
  );
}

/** Parts of which one is shown; arrow keys move between them. */
export function Tabs<T extends string>({
  label,
  options,
  value,
  onChange,
  panelId,
}: ChoiceProps<T> & { readonly panelId: string }) {
  const step = (event: KeyboardEvent) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (move === undefined) return;
    event.preventDefault();
    const at = options.findIndex(([name]) => name === value);
    const next = options[(at + move + options.length) % options.length];
    if (next === undefined) return;
    onChange(next[0]);
    const list = event.currentTarget as HTMLElement;
    requestAnimationFrame(() => list.querySelector<HTMLElement>('[aria-selected="true"]')?.focus());
  };
  return (
    <div class="segments" role="tablist" aria-label={label} onKeyDown={step}>
      {options.map(([name, text]) => (
        <button
          key={name}
          type="button"
          role="tab"
          id={`${panelId}-${name}`}
          aria-selected={name === value}
          aria-controls={panelId}
          tabIndex={name === value ? 0 : -1}
          onClick={() => onChange(name)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}

interface SelectProps<T extends string> extends ChoiceProps<T> {
  readonly hideLabel?: boolean;
}

export function Select<T extends string>(props: SelectProps<T>) {
  const { label, options, value, onChange, hideLabel } = props;
  return (
    <label class="field">
      <span class={hideLabel ? "only-spoken" : undefined}>{label}</span>
      <span class="input">
        <select value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
          {options.map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </select>
        <span aria-hidden="true">▾</span>
      </span>
    </label>
  );
}

/** The attributes that forms here give to an input besides its value. */
interface InputAttributes {
  readonly type?: "text" | "password" | "url";
  readonly inputMode?: "decimal" | "numeric" | "text";
  readonly placeholder?: string;
  readonly maxLength?: number;
  readonly name?: string;
}

interface TextFieldProps {
  readonly label: ComponentChildren;
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly unit?: string;
  readonly hint?: ComponentChildren;
  readonly bad?: boolean;
  readonly input?: InputAttributes;
}

export function TextField({ label, value, onInput, unit, hint, bad, input }: TextFieldProps) {
  return (
    <div class="field">
      <label class="field">
        <span class="label-row">{label}</span>
        <span class="input" data-bad={bad || undefined}>
          <input
            {...(input as { readonly type?: "text" })}
            value={value}
            autocomplete="off"
            spellcheck={false}
            aria-invalid={bad ? "true" : undefined}
            onInput={(event) => onInput(event.currentTarget.value)}
          />
          {unit === undefined ? null : <span>{unit}</span>}
        </span>
      </label>
      {hint === undefined ? null : <div class={bad ? "hint bad" : "hint"}>{hint}</div>}
    </div>
  );
}

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** Above everything else, with the keyboard inside it; Escape closes it. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    ref.current?.showModal();
  }, []);
  return (
    <dialog ref={ref} aria-label={title} onClose={onClose}>
      <header>
        <h2>{title}</h2>
        <button
          type="button"
          class="icon-button"
          aria-label="Close"
          onClick={() => ref.current?.close()}
        >
          ✕
        </button>
      </header>
      <div class="dialog-body">{children}</div>
      {/* Behind a dialog nothing is read aloud, nor clicked. */}
      <Toasts />
    </dialog>
  );
}

/** A hash or an address, short; the whole of it is read by hovering, and copied by a click. */
export function Hash({ value, shown }: { readonly value: string; readonly shown?: string }) {
  const text = shown ?? `${value.slice(0, 6)}…${value.slice(-4)}`;
  return (
    <button
      type="button"
      class="hash mono"
      title={`${value}: click to copy`}
      onClick={() => void navigator.clipboard?.writeText(value)}
    >
      {text}
    </button>
  );
}
