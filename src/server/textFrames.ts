/**
 * Text messages as WebSocket frames of a server (RFC 6455, section 5.2), to be written to the
 * connection itself: `ws` writes each frame's header and message by themselves, which for some
 * answers in one packet costs more than all else about sending them.
 */

const FINAL_TEXT = 0x81;
const TWO_BYTES = 126;
const EIGHT_BYTES = 127;

/** One frame of each message, in Latin-1: each character is a byte. */
export function textFrames(messages: readonly string[]): string {
  let frames = "";
  for (const message of messages) {
    const { length } = message;
    const bytes = Buffer.byteLength(message);
    // As many bytes as characters are ASCII, which is the same in Latin-1.
    const payload = bytes === length ? message : Buffer.from(message).toString("latin1");
    frames += headOf(bytes) + payload;
  }
  return frames;
}

function headOf(bytes: number): string {
  if (bytes < TWO_BYTES) return String.fromCharCode(FINAL_TEXT, bytes);
  const low = [(bytes >> 8) & 0xff, bytes & 0xff];
  if (bytes <= 0xffff) return String.fromCharCode(FINAL_TEXT, TWO_BYTES, ...low);
  const high = [0, 0, 0, 0, (bytes >>> 24) & 0xff, (bytes >> 16) & 0xff];
  return String.fromCharCode(FINAL_TEXT, EIGHT_BYTES, ...high, ...low);
}
