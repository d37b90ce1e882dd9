/** Each parameter of libpq's URLs is honoured or refused by name. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseDatabaseUrl } from "./url.ts";

const BASE = "postgres://ada:s%40crt@db-a:5433,[::1],db-c/money";
const CA = join(import.meta.dirname, "../../../test/support/faults/certificates/ca.pem");
const parsed = (query: string) => parseDatabaseUrl(`${BASE}?${query}`);

test("a URL names hosts, user, password and database, and tells no password", () => {
  const address = parseDatabaseUrl(BASE);
  expect(address).toMatchObject({ user: "ada", password: "s@crt", database: "money" });
  expect(address.hosts).toEqual([
    { host: "db-a", port: 5433 },
    { host: "::1", port: 5432 },
    { host: "db-c", port: 5432 },
  ]);
  expect(address.location).toBe("postgres://db-a:5433,[::1],db-c/money");
  expect(address.encryption).toEqual([false]);
});

test("a URL of a Unix socket names its folder", () => {
  const { hosts } = parseDatabaseUrl("postgres:///money?host=/run/postgresql&port=5440");
  expect(hosts).toEqual([{ host: "/run/postgresql", port: 5440 }]);
});

describe("honoured are", () => {
  test.each([
    ["application_name=mine", { applicationName: "mine" }],
    ["connect_timeout=3", { connectMs: 3000 }],
    ["keepalives_idle=30", { keepAliveMs: 30_000 }],
    ["keepalives=0", { keepAliveMs: undefined }],
    ["options=-c%20work_mem%3D1MB", { options: "-c work_mem=1MB" }],
    ["channel_binding=prefer&gssencmode=disable", { channelBinding: "prefer" }],
    ["sslmode=require&channel_binding=require", { channelBinding: "require" }],
    ["target_session_attrs=primary&pgbouncer=true", { encryption: [false] }],
    ["sslmode=require", { encryption: [{ rejectUnauthorized: false }] }],
    ["sslmode=verify-full", { encryption: [{ rejectUnauthorized: true }] }],
    ["sslmode=prefer", { encryption: [{ rejectUnauthorized: false }, false] }],
    [`sslmode=require&sslrootcert=${CA}`, { encryption: [{ rejectUnauthorized: true }] }],
    [
      "sslmode=verify-full&ssl_min_protocol_version=TLSv1.3",
      { encryption: [{ minVersion: "TLSv1.3" }] },
    ],
  ])("a parameter is honoured: %s", (query, wanted) => {
    expect(parsed(query)).toMatchObject(wanted);
  });

  test("an authority and the host's name, unless it is not asked for", () => {
    const [full] = parsed(`sslmode=verify-full&sslrootcert=${CA}`).encryption;
    expect(full ? full.ca?.toString() : "no TLS").toContain("BEGIN CERTIFICATE");
    expect(full).not.toHaveProperty("checkServerIdentity");
    const [authority] = parsed(`sslmode=verify-ca&sslrootcert=${CA}`).encryption;
    expect(authority).toHaveProperty("checkServerIdentity");
  });
});

describe("refused by name are", () => {
  test.each([
    ["sslmode=maybe", "sslmode=maybe"],
    [`sslmode=prefer&sslrootcert=${CA}`, "write sslmode=verify-full"],
    ["sslmode=verify-full&sslrootcert=/no/ca.pem", "NODE_EXTRA_CA_CERTS"],
    ["sslmode=verify-full&sslcert=/no/cert.pem", "sslcert=/no/cert.pem"],
    ["sslmode=verify-full&sslcrl=/a", "sslcrl"],
    ["channel_binding=require", "add sslmode=verify-full"],
    ["gssencmode=require", "gssencmode=require"],
    ["target_session_attrs=standby", "target_session_attrs=standby"],
    ["keepalives_count=3", "keepalives_count"],
    ["keepalives_idle=soon", "keepalives_idle=soon"],
    ["schema=other", "`database.schema`"],
    ["client_encoding=LATIN1", "client_encoding"],
    ["whatever=1", "whatever=1"],
    ["connect_timeout=1&connect_timeout=2", "it stands there twice"],
  ])("a parameter is refused by name: %s", (query, words) => {
    expect(() => parsed(query)).toThrow(words);
  });

  test.each(["sslpassword", "my_token"])("a parameter is refused without its value: %s", (name) => {
    expect(() => parsed(`${name}=hunter2`)).toThrow(name);
    expect(() => parsed(`${name}=hunter2`)).not.toThrow("hunter2");
  });
});
