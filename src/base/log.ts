/** The log as every part of the node sees it; operator/telemetry writes it to files. */

export type Fields = Readonly<Record<string, unknown>>;

/** Writes one entry. `event` is a word that stays the same, for searching; fields explain it. */
export interface Log {
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
  /** Writes what is buffered; call it before the process ends. */
  flush(): Promise<void>;
}
