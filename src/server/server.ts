/** Serves an operator over HTTP and WebSocket on one port. */
import { QuarterdeckError, reasonOf } from "../base/errors.ts";
import type { OperatorApi } from "../operator/api/operatorApi.ts";
import { buildHttp } from "./http.ts";
import { DEFAULT_PAGE, type PageSettings } from "./page/page.ts";
import { DEFAULT_RATE_LIMITS, type RateLimitSettings, RateLimits } from "./rateLimits.ts";
import { serveStream } from "./stream.ts";

export interface RunningServer {
  /** The port that it listens on, also when 0 was asked for. */
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Listens on `host`:`port` (0: any free port). Throws a `QuarterdeckError` with code `PortInUse`
 * when another process has it.
 */
export async function startServer(
  api: OperatorApi,
  options: {
    readonly host: string;
    readonly port: number;
    readonly rateLimits?: RateLimitSettings;
    readonly page?: PageSettings;
  },
): Promise<RunningServer> {
  const limits = new RateLimits(options.rateLimits ?? DEFAULT_RATE_LIMITS);
  const app = buildHttp(api, limits, options.page ?? DEFAULT_PAGE);
  try {
    await app.listen({ host: options.host, port: options.port });
  } catch (error) {
    throw listenError(error, options);
  }
  const stream = serveStream(app.server, api, limits);
  const bound = app.server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : options.port,
    close: async () => {
      await stream.close();
      await app.close();
    },
  };
}

function listenError(error: unknown, { host, port }: { host: string; port: number }): Error {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "EADDRINUSE") {
    return new QuarterdeckError({
      code: "PortInUse",
      message: `Port ${port} on ${host} is in use by another process.`,
      hint: "Stop that process, or set another `port` in the configuration.",
      cause: error,
    });
  }
  return new QuarterdeckError({
    code: "CannotListen",
    message: `Cannot listen on ${host}:${port} (${code ?? reasonOf(error)}).`,
    hint: "Choose an address and port that this user may open.",
    cause: error,
  });
}
