/**
 * Why a request failed, without its address: messages of network libraries quote URLs, and a URL
 * may be a secret. Gives the innermost system code, or else the error's name.
 */
export function shortCode(error: unknown): string {
  let found = "unknown";
  let cause = error;
  for (let depth = 0; cause instanceof Error && depth < 8; depth++) {
    const { code } = cause as { code?: unknown };
    found = typeof code === "string" ? code : cause.name;
    cause = cause.cause;
  }
  return found;
}
