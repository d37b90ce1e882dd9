/** `quarterdeck gateway`: trades for bots in any language, over JSON on this machine. */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { Command } from "commander";
import { QuarterdeckError } from "../../base/errors.ts";
import { startGateway } from "../../gateway/gateway.ts";
import { readTraderAccess, type TraderFlags, traderCommand } from "./access.ts";
import { show } from "./output.ts";

const DEFAULT_PORT = 8547;
const TOKEN_BYTES = 32;
const MIN_TOKEN_LENGTH = 16;

interface Flags extends TraderFlags {
  readonly host: string;
  readonly port: string;
  readonly tokenFile: string;
  /** False with --no-token. */
  readonly token: boolean;
}

export function gatewayCommand(): Command {
  const command = new Command("gateway")
    .description("Speak the unified API of ccxt as JSON, so that bots in any language trade here")
    .option(
      "--host <address>",
      "to listen on; others than this machine's want a token",
      "127.0.0.1",
    )
    .option("--port <number>", "to listen on; 0: any free one", String(DEFAULT_PORT))
    .option("--token-file <file>", "holds the token; made where there is none", "gateway.token")
    .option("--no-token", "let every program of this machine trade with the key");
  return traderCommand(command, ["gateway", "gateway --port 9000 --token-file bot.token"]).action(
    async (flags: Flags) => {
      const port = parsePort(flags.port);
      const token = flags.token ? readToken(flags.tokenFile) : undefined;
      const client = await readTraderAccess(flags.config).join();
      const gateway = await startGateway({ client, host: flags.host, port, token });
      show(flags.json, { url: gateway.url, address: client.address }, [
        `${gateway.url} trades for ${client.address}; the stream is at /stream`,
        token === undefined
          ? "No token: every program of this machine may use it."
          : `Send "authorization: Bearer <token>" with the token in ${flags.tokenFile}.`,
      ]);
      const stop = () => void gateway.close().then(() => process.exit(0));
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, stop);
    },
  );
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw bad(`--port: ${text} is no port.`, "Give a number of 0 to 65535.");
}

/** The token in the file; a new one in it, for its owner's eyes alone, where there is no file. */
function readToken(path: string): string {
  if (!existsSync(path)) {
    const token = randomBytes(TOKEN_BYTES).toString("hex");
    writeFileSync(path, `${token}\n`, { mode: 0o600, flag: "wx" });
    return token;
  }
  const token = readFileSync(path, "utf8").trim();
  if (token.length >= MIN_TOKEN_LENGTH) return token;
  throw bad(
    `--token-file: ${path} holds no token of ${MIN_TOKEN_LENGTH} characters or more.`,
    "Remove it: another is made.",
  );
}

function bad(message: string, hint: string): QuarterdeckError {
  return new QuarterdeckError({ code: "BadConfiguration", message, hint });
}
