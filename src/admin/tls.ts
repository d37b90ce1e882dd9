/** Whether an endpoint's certificate holds, for its name, on this machine. */
import { connect, type PeerCertificate } from "node:tls";
import { type Finding, failure, fine, warning } from "../operator/doctor/finding.ts";

const DAY_MS = 86_400_000;
/** Authorities' own programs renew a month before the end. */
const FEW_DAYS = 14;
const TLS_TIMEOUT_MS = 10_000;

/** `nowMs`: milliseconds since 1970. */
export async function checkTls(endpoint: string, nowMs: number): Promise<Finding[]> {
  const { protocol, hostname, port } = new URL(endpoint);
  if (protocol === "http:") return [judgeClear(hostname)];
  const host = hostname.replace(/^\[|\]$/g, "");
  const answer = await certificateOf(host, port === "" ? 443 : Number(port));
  if ("problem" in answer) {
    const hint = "Something must speak TLS there: look at its server, proxy and firewall.";
    return [failure("tls", answer.problem, hint)];
  }
  const { certificate, fault } = answer;
  const days = Math.floor((Date.parse(certificate.valid_to) - nowMs) / DAY_MS);
  const { O, CN } = certificate.issuer ?? {};
  const issuer = [O, CN].flat().filter((one) => one !== undefined);
  const shown = `certificate by ${issuer.join(", ") || "nobody"} until ${certificate.valid_to}`;
  if (fault !== undefined) return [judgeFault(fault, shown, host, certificate)];
  const left = `${shown}, ${days} days left`;
  if (days >= FEW_DAYS) return [fine("tls", left)];
  return [warning("tls", left, "See that it is renewed by itself.")];
}

function judgeClear(hostname: string): Finding {
  const isHere = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  const hint = "Serve it over https: anybody on the way can read and change what is said.";
  if (!isHere) return failure("tls", "orders would travel in the clear", hint);
  return warning("tls", "in the clear, on this machine", hint);
}

const PRIVATE =
  "Serve one of a public authority, with its whole chain; a private authority's is trusted only " +
  "where NODE_EXTRA_CA_CERTS names it, and by no client elsewhere.";

/** By OpenSSL's and Node's codes, which are the same in every language and release. */
function judgeFault(
  fault: string,
  shown: string,
  host: string,
  { subjectaltname }: PeerCertificate,
): Finding {
  switch (fault) {
    case "CERT_HAS_EXPIRED":
      return failure("tls", `expired: ${shown}`, "Renew it, and see that it renews itself.");
    case "CERT_NOT_YET_VALID":
      return failure("tls", `not valid yet: ${shown}`, "Set the clocks of both machines.");
    case "ERR_TLS_CERT_ALTNAME_INVALID": {
      const detail = `for ${subjectaltname ?? "no name"}, and not for ${host}: ${shown}`;
      return failure("tls", detail, `Serve one for ${host}, or apply with the name it is for.`);
    }
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return failure("tls", `signed by itself alone: ${shown}`, PRIVATE);
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return failure("tls", `of an authority that this machine does not know: ${shown}`, PRIVATE);
    default:
      return failure("tls", `${fault}: ${shown}`, PRIVATE);
  }
}

interface Shown {
  readonly certificate: PeerCertificate;
  /** The code of what is wrong with it; undefined when it holds. */
  readonly fault: string | undefined;
}

function certificateOf(host: string, port: number): Promise<Shown | { readonly problem: string }> {
  return new Promise((resolve) => {
    const servername = /^[\d.]+$|:/.test(host) ? "" : host;
    // A certificate that does not hold is read too, to name its fault. Nothing is sent.
    const rejectUnauthorized = false;
    const socket = connect({ host, port, servername, rejectUnauthorized, timeout: TLS_TIMEOUT_MS });
    socket.once("secureConnect", () => {
      const { authorized, authorizationError } = socket;
      const fault = authorized ? undefined : String(authorizationError);
      resolve({ certificate: socket.getPeerCertificate(), fault });
      socket.destroy();
    });
    socket.once("timeout", () => {
      resolve({ problem: `no handshake in ${TLS_TIMEOUT_MS} ms` });
      socket.destroy();
    });
    socket.once("error", (error) => resolve({ problem: error.message }));
    socket.once("close", () => resolve({ problem: "it hung up before the handshake was done" }));
  });
}
