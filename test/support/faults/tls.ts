/** An endpoint over TLS on loopback, with a certificate that certificates/make.ts made. */
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Address, Hex } from "../../../src/base/hex.ts";
import { localSigner } from "../../../src/chain/signer.ts";
import { Identity } from "../../../src/operator/api/identity.ts";
import type { OperatorApi } from "../../../src/operator/api/operatorApi.ts";
import { buildHttp } from "../../../src/server/http.ts";

export type Certificate = "good" | "expired" | "early" | "otherName" | "selfSigned";

/** The file of a certificate, or of the authority that signed all but one. */
export function certificate(name: Certificate | "ca"): string {
  return join(import.meta.dirname, "certificates", `${name}.pem`);
}

/** By which the operator there says that it holds its key. */
export interface Served {
  readonly api: OperatorApi;
  readonly key: Hex;
  readonly chainId: number;
  readonly manager: Address;
}

export interface TlsEndpoint {
  /** With the name localhost. */
  readonly url: string;
  /** From the next connection on; at first `good`. */
  present(name: Certificate): void;
  close(): Promise<void>;
}

/** Serves an operator under the URL of its own; without one it hangs up after the handshake. */
export async function serveOverTls(served?: Served): Promise<TlsEndpoint> {
  const read = (name: Certificate) => ({
    key: readFileSync(join(import.meta.dirname, "certificates", "key.pem")),
    cert: readFileSync(certificate(name)),
  });
  const server = createServer(read("good"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `https://localhost:${(server.address() as AddressInfo).port}`;
  if (served !== undefined) {
    const { api, key, ...where } = served;
    const identity = new Identity(localSigner(key), where, url);
    const app = buildHttp({ ...api, identity: (challenge) => identity.answer(challenge) });
    await app.ready();
    server.on("request", (request, response) => app.routing(request, response));
  }
  return {
    url,
    present: (name) => server.setSecureContext(read(name)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
