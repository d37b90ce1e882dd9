declare module "pino-roll" {
  interface RollingFile extends NodeJS.WritableStream {
    flush(done: (error?: Error) => void): void;
    flushSync(): void;
    end(): this;
  }
  interface RollOptions {
    file: string;
    size: string;
    frequency: string;
    extension: string;
    limit: { count: number };
    mkdir: boolean;
  }
  export default function build(options: RollOptions): Promise<RollingFile>;
}
