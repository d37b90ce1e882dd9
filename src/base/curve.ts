import { secp256k1 } from "@noble/curves/secp256k1.js";
import { assert } from "./errors.ts";

/** An ECDSA signature over secp256k1: r and s of 32 bytes each, s in the lower half. */
export interface EcdsaSignature {
  readonly r: Uint8Array;
  readonly s: Uint8Array;
  /** Parity of the y coordinate of the point that r is the x of. */
  readonly yParity: 0 | 1;
}

/**
 * secp256k1 as the protocol needs it, behind one interface so that a native implementation can
 * take the place of the portable one. Signing is deterministic (RFC 6979): every implementation
 * gives the same signature.
 */
export interface Curve {
  /** `digest` and `privateKey`: 32 bytes. The signature's s is low. */
  sign(digest: Uint8Array, privateKey: Uint8Array): EcdsaSignature;
  /**
   * The uncompressed public key (64 bytes, x ‖ y) that signed; undefined when no key can have. A
   * high s recovers too: a caller that must refuse a high s does so before (see
   * protocol/signatures.ts).
   */
  recover(digest: Uint8Array, r: Uint8Array, s: Uint8Array, yParity: 0 | 1): Uint8Array | undefined;
  /** The uncompressed public key, 64 bytes, of a private key. */
  publicKey(privateKey: Uint8Array): Uint8Array;
}

/** The portable curve: pure JavaScript, about 2,000 signatures or 700 recoveries a second. */
export const nobleCurve: Curve = {
  sign(digest, privateKey) {
    assertDigest(digest);
    const signed = secp256k1.sign(digest, privateKey, { prehash: false, format: "recovered" });
    return {
      r: signed.slice(1, 33),
      s: signed.slice(33, 65),
      yParity: signed[0] === 1 ? 1 : 0,
    };
  },

  recover(digest, r, s, yParity) {
    assertDigest(digest);
    assert(r.length === 32 && s.length === 32, "r and s have 32 bytes.");
    const signature = new Uint8Array(65);
    signature[0] = yParity;
    signature.set(r, 1);
    signature.set(s, 33);
    try {
      const parsed = secp256k1.Signature.fromBytes(signature, "recovered");
      return parsed.recoverPublicKey(digest).toBytes(false).slice(1);
    } catch {
      // Lengths are checked above: what noble still objects to is an r or s that no key can make.
      return undefined;
    }
  },

  publicKey(privateKey) {
    return secp256k1.getPublicKey(privateKey, false).slice(1);
  },
};

/** Whether `bytes` are a private key: 32 bytes, above zero and below the curve's order. */
export function isPrivateKey(bytes: Uint8Array): boolean {
  return secp256k1.utils.isValidSecretKey(bytes);
}

function assertDigest(digest: Uint8Array): void {
  assert(digest.length === 32, () => `a digest has 32 bytes, not ${digest.length}.`);
}
