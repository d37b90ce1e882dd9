/**
 * `quarterdeck keystore`: makes encrypted keystores and shows whose they are. Keys and passwords
 * come from files, the environment, standard input or a hidden prompt, never from the command line,
 * which every user of the machine can read. All that it prints is an address.
 */
import { randomBytes } from "node:crypto";
import { text } from "node:stream/consumers";
import { Command } from "commander";
import { readHidden } from "../admin/terminal.ts";
import { QuarterdeckError } from "../base/errors.ts";
import { type Address, bytesToHex, hexToBytes, isHex } from "../base/hex.ts";
import { Secret } from "../base/secret.ts";
import { readKeyFile, readPasswordFile, writeKeyFile } from "../keys/keyFiles.ts";
import { KEY_VARIABLE, PASSWORD_VARIABLE } from "../keys/keySource.ts";
import { addressOfKey, openKeystore, parseKeystore, sealKeystore } from "../keys/keystore.ts";
import { readVariable } from "../keys/variables.ts";

interface Options {
  readonly out: string;
  readonly passwordFile?: string;
}

export function keystoreCommand(): Command {
  const passwordOption = [
    "--password-file <file>",
    `file with the password (else ${PASSWORD_VARIABLE}, else asked for)`,
  ] as const;
  return new Command("keystore")
    .description("Make encrypted keystores (V3, as geth and Foundry), and show whose they are")
    .addCommand(
      new Command("new")
        .description("Make a keystore with a new random key; prints its address")
        .requiredOption("--out <file>", "the keystore to write")
        .option(...passwordOption)
        .action((options: Options) => make(randomKey(), options)),
    )
    .addCommand(
      new Command("import")
        .description(`Make a keystore with the key in ${KEY_VARIABLE} or on standard input`)
        .requiredOption("--out <file>", "the keystore to write")
        .option(...passwordOption)
        .action(async (options: Options) => make(await readKey(), options)),
    )
    .addCommand(
      new Command("address")
        .description("Print a keystore's address; with a password, that of the key inside")
        .argument("<file>", "the keystore")
        .option(...passwordOption)
        .action(showAddress),
    );
}

async function make(privateKey: Secret, options: Options): Promise<void> {
  const password =
    (await givenPassword(options.passwordFile)) ?? (await askTwice("Password of the keystore"));
  const sealed = await sealKeystore(privateKey, password);
  await writeKeyFile(options.out, sealed.text);
  // Money may wait for this address: what is on the disk must open.
  print(await addressInside(options.out, password));
}

async function showAddress(
  file: string,
  { passwordFile }: { passwordFile?: string },
): Promise<void> {
  const password = await givenPassword(passwordFile);
  if (password !== undefined) return print(await addressInside(file, password));
  const { address } = parseKeystore((await readKeyFile(file, "keystore")).text.reveal(), file);
  if (address !== undefined) return print(address);
  throw new QuarterdeckError({
    code: "NoAddress",
    message: `${file} does not say its address, as keystores of Foundry do not.`,
    hint: "Give its password with --password-file.",
  });
}

async function addressInside(file: string, password: Secret): Promise<Address> {
  const keystore = parseKeystore((await readKeyFile(file, "keystore")).text.reveal(), file);
  const key = await openKeystore(keystore, password, file);
  return addressOf(key) as Address;
}

function print(address: Address): void {
  process.stdout.write(`${address}\n`);
}

function randomKey(): Secret {
  for (;;) {
    const key = new Secret(bytesToHex(randomBytes(32)));
    if (addressOf(key) !== undefined) return key;
  }
}

async function readKey(): Promise<Secret> {
  const given = readVariable(process.env, KEY_VARIABLE) ?? (await readInput("Private key: "));
  const key = new Secret(`0x${given.trim().replace(/^0x/, "")}`);
  if (addressOf(key) !== undefined) return key;
  // The text itself stays unseen: it may be a key with a digit too many.
  throw new QuarterdeckError({
    code: "BadKey",
    message: "What was given is no private key: 64 hexadecimal digits, of secp256k1.",
    hint: `Give it in ${KEY_VARIABLE}, or alone on standard input.`,
  });
}

function addressOf(key: Secret): Address | undefined {
  const hex = key.reveal();
  return isHex(hex, 32) ? addressOfKey(hexToBytes(hex)) : undefined;
}

async function givenPassword(file: string | undefined): Promise<Secret | undefined> {
  const password = readVariable(process.env, PASSWORD_VARIABLE);
  if (file === undefined) return password === undefined ? undefined : new Secret(password);
  const { text: read, warning } = await readPasswordFile(file, "--password-file");
  if (warning !== undefined) process.stderr.write(`quarterdeck: warning: ${warning}\n`);
  return read;
}

async function askTwice(what: string): Promise<Secret> {
  if (!process.stdin.isTTY) {
    throw new QuarterdeckError({
      code: "NoPassword",
      message: "No password is given, and there is no terminal to ask for it.",
      hint: `Name a file with --password-file, or set ${PASSWORD_VARIABLE}.`,
    });
  }
  const first = await readHidden(`${what}: `);
  const second = await readHidden("Again: ");
  if (first === second && first !== "") return new Secret(first);
  throw new QuarterdeckError({
    code: "NoPassword",
    message: first === "" ? "The password is empty." : "The two passwords differ.",
    hint: "Start again.",
  });
}

function readInput(question: string): Promise<string> {
  return process.stdin.isTTY ? readHidden(question) : text(process.stdin);
}
