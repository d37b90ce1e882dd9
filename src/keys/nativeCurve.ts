/**
 * The curve in native code: ten to thirty times faster than JavaScript. The package falls back to
 * a slow curve without a word when its binding does not load; we load the binding itself, and say
 * which curve is in use.
 */
import { createRequire } from "node:module";
import { type Curve, nobleCurve } from "../base/curve.ts";
import { messageOf } from "../base/errors.ts";

interface Binding {
  ecdsaSign(digest: Uint8Array, key: Uint8Array): { signature: Uint8Array; recid: number };
  ecdsaRecover(
    signature: Uint8Array,
    recid: number,
    digest: Uint8Array,
    compressed: boolean,
  ): Uint8Array;
  publicKeyCreate(key: Uint8Array, compressed: boolean): Uint8Array;
}

export interface LoadedCurve {
  readonly curve: Curve;
  /** Undefined when native; otherwise why the slow one is in use. */
  readonly fallbackBecause: string | undefined;
}

export function loadCurve(): LoadedCurve {
  try {
    const binding = createRequire(import.meta.url)("secp256k1/bindings.js") as Binding;
    return { curve: overBinding(binding), fallbackBecause: undefined };
  } catch (error) {
    const reason = messageOf(error);
    return { curve: nobleCurve, fallbackBecause: reason };
  }
}

function overBinding(binding: Binding): Curve {
  return {
    sign(digest, privateKey) {
      const { signature, recid } = binding.ecdsaSign(digest, privateKey);
      return {
        r: signature.slice(0, 32),
        s: signature.slice(32, 64),
        yParity: recid & 1 ? 1 : 0,
      };
    },
    recover(digest, r, s, yParity) {
      const signature = new Uint8Array(64);
      signature.set(r, 0);
      signature.set(s, 32);
      try {
        return binding.ecdsaRecover(signature, yParity, digest, false).slice(1);
      } catch {
        // The package throws for a signature that is nobody's; a Curve says undefined.
        return undefined;
      }
    },
    publicKey: (privateKey) => binding.publicKeyCreate(privateKey, false).slice(1),
  };
}
