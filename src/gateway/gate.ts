/**
 * Access to a gateway, which signs for everybody who gets in: programs with its token; without one,
 * by explicit choice, programs of the same machine. Never a page in a browser: any page that is
 * open could ask an address of the machine.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** Why a request is not taken. */
export interface Denial {
  readonly status: 401 | 403;
  readonly problem: string;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;

/** Whether only programs of the same machine reach the address. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** `token`: undefined where none is asked for. */
export function deny(headers: IncomingHttpHeaders, token: string | undefined): Denial | undefined {
  if (headers.origin !== undefined) {
    return { status: 403, problem: "Pages in browsers may not use a gateway." };
  }
  if (token !== undefined) {
    const given = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1];
    if (given !== undefined && isSame(given, token)) return undefined;
    const problem = "Send the gateway's token: authorization: Bearer <token>.";
    return { status: 401, problem };
  }
  // A name of somebody else's that leads here would let a page in (DNS rebinding).
  const host = (headers.host ?? "").replace(/:\d+$/, "");
  if (isLoopback(host)) return undefined;
  return { status: 403, problem: `Ask for the gateway by a loopback address, not by ${host}.` };
}

function isSame(given: string, token: string): boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(given), hash(token));
}
