/** Files that hold a key or its password: who else may read them, and how they are written. */
import { type FileHandle, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { QuarterdeckError, reasonOf } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";

export interface KeyFile {
  readonly text: Secret;
  /** Set when the file's group may read it: a warning. */
  readonly warning: string | undefined;
}

const MAX_BYTES = 64 * 1024;
const GROUP_READS = 0o040;
/** The file's group may change it, or anybody may do anything with it. */
const EXPOSED = 0o027;
/** Windows shows no such bits. */
const HAS_MODES = process.platform !== "win32";

/**
 * Reads a file that must not be public; `field` names it in errors, as "keystore.path". Throws a
 * `QuarterdeckError`: `KeyFileUnreadable`, or `KeyFileExposed` when others than its owner and its
 * owner's group may read it, or others than its owner may write it.
 */
export async function readKeyFile(path: string, field: string): Promise<KeyFile> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const { mode, size } = await file.stat();
    const permissions = (mode & 0o777).toString(8).padStart(3, "0");
    if (HAS_MODES && (mode & EXPOSED) !== 0) {
      throw new QuarterdeckError({
        code: "KeyFileExposed",
        message: `${field}: ${path} has permissions ${permissions}: others may read or change it.`,
        hint: `Run chmod 600 ${path}; if others had access to it, take a new key.`,
      });
    }
    if (size > MAX_BYTES) throw new Error(`it has ${size} bytes, and at most ${MAX_BYTES} fit`);
    const groupReads = HAS_MODES && (mode & GROUP_READS) !== 0;
    return {
      text: new Secret(await file.readFile("utf8")),
      warning: groupReads
        ? `${path} has permissions ${permissions}: its group may read it`
        : undefined,
    };
  } catch (error) {
    if (error instanceof QuarterdeckError) throw error;
    throw new QuarterdeckError({
      code: "KeyFileUnreadable",
      message: `${field}: ${path} cannot be read (${codeOrReason(error)}).`,
      hint: "Name a file that this user may read.",
      cause: error,
    });
  } finally {
    await file?.close();
  }
}

/**
 * The password in a file, without the line's end that editors add. Throws as `readKeyFile` does,
 * and `EmptyPassword`.
 */
export async function readPasswordFile(path: string, field: string): Promise<KeyFile> {
  const { text, warning } = await readKeyFile(path, field);
  const password = text.reveal().replace(/\r?\n$/, "");
  if (password !== "") return { text: new Secret(password), warning };
  throw new QuarterdeckError({
    code: "EmptyPassword",
    message: `${field}: ${path} is empty.`,
    hint: "Write the keystore's password into it.",
  });
}

/**
 * Writes a new file that only its owner may read; it is on the disk when this returns. Throws a
 * `QuarterdeckError`: `KeystoreExists`, since a key that is overwritten is lost, or
 * `KeystoreUnwritable`.
 */
export async function writeKeyFile(path: string, text: string): Promise<void> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "wx", 0o600);
    await file.writeFile(text);
    await file.sync();
    await syncFolder(dirname(path));
  } catch (error) {
    // Half a keystore must not pass for a whole one.
    if (file !== undefined) await unlink(path).catch(() => {});
    const exists = (error as NodeJS.ErrnoException).code === "EEXIST";
    throw new QuarterdeckError({
      code: exists ? "KeystoreExists" : "KeystoreUnwritable",
      message: exists
        ? `${path} exists, and no key is ever overwritten.`
        : `${path} cannot be written (${codeOrReason(error)}).`,
      hint: "Name another file, in a folder that this user may write.",
      cause: error,
    });
  } finally {
    await file?.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  await folder.sync().finally(() => folder.close());
}

function codeOrReason(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? reasonOf(error);
}
