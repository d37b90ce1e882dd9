/**
 * Makes the certificates beside it, for loopback servers of the tests: `node make.ts`, with OpenSSL
 * 3 on the machine. They are kept, since not every machine has it; they end in 2124 or, on purpose,
 * in 2021. The authority's key is thrown away: nothing more can be signed with it. The one key that
 * all servers have is in `key.pem`, for everybody to see, and so is worth nothing elsewhere.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const LONG = ["20240101000000Z", "21240101000000Z"] as const;
const PAST = ["20200101000000Z", "20210101000000Z"] as const;
const AHEAD = ["21230101000000Z", "21240101000000Z"] as const;
const HERE = "DNS:localhost,IP:127.0.0.1";

const here = (name: string) => join(import.meta.dirname, name);
const folder = mkdtempSync(join(tmpdir(), "quarterdeck-certificates-"));
const there = (name: string) => join(folder, name);
const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });

function makeKey(file: string): void {
  openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", file);
}

/** `openssl ca`, of the ways to sign, is the one that takes both dates in every release 3. */
function sign(
  name: string,
  [start, end]: readonly [string, string],
  subject: string,
  { key = here("key.pem"), bySelf = false } = {},
): void {
  writeFileSync(there("index.txt"), "");
  openssl(
    "req",
    "-new",
    "-key",
    key,
    "-subj",
    subject,
    "-out",
    there("request.pem"),
    "-config",
    there("openssl.cnf"),
  );
  const self = bySelf ? ["-selfsign", "-keyfile", key] : [];
  openssl(
    "ca",
    "-batch",
    "-notext",
    "-config",
    there("openssl.cnf"),
    "-in",
    there("request.pem"),
    "-startdate",
    start,
    "-enddate",
    end,
    "-out",
    here(`${name}.pem`),
    "-extensions",
    `of_${name}`,
    ...self,
  );
}

const names = { good: HERE, expired: HERE, early: HERE, otherName: "DNS:other.example" };
const extensions = Object.entries({ ...names, selfSigned: HERE }).map(
  ([name, alternatives]) => `[of_${name}]\nsubjectAltName=${alternatives}\n`,
);
writeFileSync(
  there("openssl.cnf"),
  `[req]
distinguished_name=subject
[subject]
[ca]
default_ca=authority
[authority]
database=${there("index.txt")}
new_certs_dir=${folder}
rand_serial=yes
certificate=${here("ca.pem")}
private_key=${there("ca.key.pem")}
default_md=sha256
policy=anything
unique_subject=no
[anything]
organizationName=optional
commonName=supplied
[of_ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign
${extensions.join("")}`,
);
try {
  makeKey(here("key.pem"));
  makeKey(there("ca.key.pem"));
  const authority = { key: there("ca.key.pem"), bySelf: true };
  sign("ca", LONG, "/O=Quarterdeck tests/CN=Private authority", authority);
  sign("good", LONG, "/CN=localhost");
  sign("expired", PAST, "/CN=localhost");
  sign("early", AHEAD, "/CN=localhost");
  sign("otherName", LONG, "/CN=other.example");
  sign("selfSigned", LONG, "/CN=localhost", { bySelf: true });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
