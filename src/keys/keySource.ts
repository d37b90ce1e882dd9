/** Where the operator's key is held, as configuration and environment say. */
import { QuarterdeckError } from "../base/errors.ts";
import { type Address, type Hex, hexToBytes, isHex } from "../base/hex.ts";
import { Secret } from "../base/secret.ts";
import { addressOfKey } from "./keystore.ts";
import { readVariable } from "./variables.ts";

/** Environment variable with the operator's bare private key: for tests and local chains. */
export const KEY_VARIABLE = "QUARTERDECK_PRIVATE_KEY";
/** Environment variable with the keystore's password, where no file holds it. */
export const PASSWORD_VARIABLE = "QUARTERDECK_KEYSTORE_PASSWORD";

export type KeySource =
  | { readonly kind: "privateKey"; readonly privateKey: Secret }
  | {
      readonly kind: "keystore";
      readonly path: string;
      /** The password, or the file that holds it. */
      readonly password: Secret | { readonly file: string };
    }
  | {
      readonly kind: "web3signer";
      readonly url: string;
      readonly address: Address;
      /** Milliseconds for one request. */
      readonly timeoutMs: number;
    };

/** The fields of a configuration that are about the key. */
export interface KeyFields {
  readonly keystore?:
    | { readonly path: string; readonly passwordFile?: string | undefined }
    | undefined;
  readonly web3signer?:
    | { readonly url: string; readonly address: Address; readonly timeoutMs: number }
    | undefined;
}

/**
 * The one place named for the key. Throws a `QuarterdeckError` with code `BadConfiguration` when
 * none or several are named; no message holds a value of theirs.
 */
export function keySourceOf(fields: KeyFields, environment: NodeJS.ProcessEnv): KeySource {
  const bareKey = readVariable(environment, KEY_VARIABLE);
  const password = readVariable(environment, PASSWORD_VARIABLE);
  const { keystore, web3signer } = fields;
  const named = [
    bareKey !== undefined && KEY_VARIABLE,
    keystore !== undefined && "keystore",
    web3signer !== undefined && "web3signer",
  ].filter((name) => name !== false);
  if (named.length > 1) {
    throw bad(`The key is in ${named.join(" and in ")}.`, "Keep one of them.");
  }
  if (password !== undefined && keystore === undefined) {
    throw bad(
      `${PASSWORD_VARIABLE} is set, and there is no keystore.`,
      "Name it as keystore.path in the configuration, or unset the variable.",
    );
  }
  if (keystore !== undefined) return keystoreSource(keystore, password);
  if (web3signer !== undefined) return { kind: "web3signer", ...web3signer };
  if (bareKey !== undefined) return { kind: "privateKey", privateKey: parseKey(bareKey) };
  throw bad(
    `No key is named: ${KEY_VARIABLE} is not set, and there is no keystore and no web3signer.`,
    "Name one of them; quarterdeck keystore new makes a keystore.",
  );
}

function keystoreSource(
  { path, passwordFile }: NonNullable<KeyFields["keystore"]>,
  password: string | undefined,
): KeySource {
  if ((passwordFile === undefined) === (password === undefined)) {
    const both = password !== undefined;
    throw bad(
      both
        ? `keystore.passwordFile is named, and ${PASSWORD_VARIABLE} is set.`
        : `keystore.passwordFile is not named, and ${PASSWORD_VARIABLE} is not set.`,
      both ? "Keep one of them." : "Do one of them.",
    );
  }
  return {
    kind: "keystore",
    path,
    password: passwordFile === undefined ? new Secret(password ?? "") : { file: passwordFile },
  };
}

/** A bare key in the environment. The value must not appear anywhere, wrong as it may be. */
function parseKey(text: string): Secret {
  const hint = "Set it to the operator's private key.";
  if (!isHex(text, 32)) throw bad(`${KEY_VARIABLE} is not 0x and 64 hexadecimal digits.`, hint);
  const key: Hex = text;
  if (addressOfKey(hexToBytes(key)) !== undefined) return new Secret(key);
  throw bad(`${KEY_VARIABLE} is no private key of secp256k1.`, hint);
}

function bad(message: string, hint: string): QuarterdeckError {
  return new QuarterdeckError({ code: "BadConfiguration", message, hint });
}
