declare module "pino-roll" {
  export interface RollingFile extends NodeJS.WritableStream {
    flush(done: (error?: Error) => void): void;
    flushSync(): void;
    end(): this;
  }
  interface RollOptions {
    file: string;
    size: string;
    frequency: string;
    extension: string;
    limit: { count: number; removeOtherLogFiles: boolean };
    mkdir: boolean;
    /** Bytes that may wait; what comes after is dropped. */
    maxLength: number;
    /** Bytes that are worth a write. */
    minLength: number;
  }
  export default function build(options: RollOptions): Promise<RollingFile>;
}
