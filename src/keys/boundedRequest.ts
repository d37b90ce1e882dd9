/** One HTTP request with bounds: of time, of the answer's size, and to the host that was named. */
import { reasonOf } from "../base/errors.ts";

export interface HttpAnswer {
  /** Undefined when no whole answer came in time. */
  readonly status: number | undefined;
  readonly text: string;
  /** Why no answer came. */
  readonly problem?: string;
  readonly cause?: unknown;
}

const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** Never throws: no answer is one kind of answer. */
export async function request(options: {
  readonly url: string;
  readonly method: "GET" | "POST";
  /** JSON. */
  readonly body?: string | undefined;
  readonly timeoutMs: number;
}): Promise<HttpAnswer> {
  const { url, method, body, timeoutMs } = options;
  try {
    const response = await fetch(url, {
      method,
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
      ...(body !== undefined && { body, headers: { "content-type": "application/json" } }),
    });
    return { status: response.status, text: await readText(response) };
  } catch (cause) {
    return { status: undefined, text: "", problem: problemOf(cause, timeoutMs), cause };
  }
}

async function readText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > MAX_ANSWER_BYTES) throw new Error(`more than ${MAX_ANSWER_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function problemOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return reasonOf(error);
  if (error.name === "TimeoutError") return `none within ${timeoutMs} ms`;
  // fetch says only that it failed; its cause says why.
  const { cause } = error;
  const deepest: NodeJS.ErrnoException = cause instanceof Error ? cause : error;
  return deepest.code ?? reasonOf(deepest);
}
