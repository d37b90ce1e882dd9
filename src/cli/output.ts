/**
 * Standard output and standard error whose reader may go away (`head`, a killed `tee`, a closed
 * terminal) or stop reading (Ctrl-S). Neither may end or hold up an operator.
 */
import { write } from "node:fs";
import { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

/** As of a program that SIGPIPE ended: what shells expect of one whose reader has enough. */
const EXIT_NO_READER = 141;
const STDOUT = 1;
/** Milliseconds before the next try where the terminal takes nothing at the moment. */
const AGAIN_MS = 50;
const writeSome = promisify(write);

let endsWithReader = true;

/** From now on a missing reader of standard output ends the process quietly. Call it once. */
export function endWithReader(): void {
  process.stdout.on("error", () => {
    if (endsWithReader) process.exit(EXIT_NO_READER);
  });
  // No reader is left to get a message.
  process.stderr.on("error", () => {});
}

/** From now on a missing reader ends nothing: what runs for long matters more than who watches. */
export function goOnWithoutReader(): void {
  endsWithReader = false;
}

/**
 * Standard output for lines that may be lost. `process.stdout` blocks the whole process while its
 * reader does not read; this blocks none but itself. An error is emitted as the stream's own.
 */
export function patientStdout(): Writable {
  return new Writable({
    decodeStrings: true,
    write: (part: Buffer, _encoding, done) => {
      writeAll(part).then(
        () => done(),
        (error: Error) => done(error),
      );
    },
  });
}

async function writeAll(bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += (await writeSome(STDOUT, bytes, at)).bytesWritten;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      await sleep(AGAIN_MS);
    }
  }
}
