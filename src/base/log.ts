/** What any part of the node may write into the log; operator/telemetry writes it to files. */

export type Fields = Readonly<Record<string, unknown>>;

/** What the node says. `event` is a word that stays the same, for searching; fields explain it. */
export interface Log {
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
  /** Writes what is buffered; call it before the process ends. */
  flush(): Promise<void>;
}
