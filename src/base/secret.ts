/**
 * Text that must not be seen: a private key, a password. Printing, inspecting or serialising an
 * object that holds it shows nothing of the text; only `reveal` gives it out.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }
}
