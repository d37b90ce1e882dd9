/** Keystores that everybody knows: the public vectors of Web3 Secret Storage and of geth. */
import type { Hex } from "../base/hex.ts";

interface Vector<Key = string> {
  readonly json: Record<string, unknown>;
  readonly password: string;
  readonly priv: Key;
}

export const SCRYPT_VECTOR: Vector = {
  json: {
    crypto: {
      cipher: "aes-128-ctr",
      cipherparams: { iv: "83dbcc02d8ccb40e466191a123791e0e" },
      ciphertext: "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
      kdf: "scrypt",
      kdfparams: {
        dklen: 32,
        n: 262144,
        r: 1,
        p: 8,
        salt: "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
      },
      mac: "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
    },
    id: "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    version: 3,
  },
  password: "testpassword",
  priv: "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d",
};

const PBKDF2_VECTOR: Vector = {
  json: {
    crypto: {
      cipher: "aes-128-ctr",
      cipherparams: { iv: "6087dab2f9fdbbfaddc31a909735c1e6" },
      ciphertext: "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
      kdf: "pbkdf2",
      kdfparams: {
        c: 262144,
        dklen: 32,
        prf: "hmac-sha256",
        salt: "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
      },
      mac: "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    },
    id: "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    version: 3,
  },
  password: "testpassword",
  priv: "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d",
};

const KEY_OF_31_BYTES: Vector = {
  json: {
    crypto: {
      cipher: "aes-128-ctr",
      cipherparams: { iv: "e0c41130a323adc1446fc82f724bca2f" },
      ciphertext: "9517cd5bdbe69076f9bf5057248c6c050141e970efa36ce53692d5d59a3984",
      kdf: "scrypt",
      kdfparams: {
        dklen: 32,
        n: 2,
        r: 8,
        p: 1,
        salt: "711f816911c92d649fb4c84b047915679933555030b3552c1212609b38208c63",
      },
      mac: "d5e116151c6aa71470e67a7d42c9620c75c4d23229847dcc127794f0732b0db5",
    },
    id: "fecfc4ce-e956-48fd-953b-30f8b52ed66c",
    version: 3,
  },
  password: "foo",
  priv: "fa7b3db73dc7dfdf8c5fbdb796d741e4488628c41fc4febd9160a866ba0f35",
};

const KEY_OF_30_BYTES: Vector = {
  json: {
    crypto: {
      cipher: "aes-128-ctr",
      cipherparams: { iv: "3ca92af36ad7c2cd92454c59cea5ef00" },
      ciphertext: "108b7d34f3442fc26ab1ab90ca91476ba6bfa8c00975a49ef9051dc675aa",
      kdf: "scrypt",
      kdfparams: {
        dklen: 32,
        n: 2,
        r: 8,
        p: 1,
        salt: "d0769e608fb86cda848065642a9c6fa046845c928175662b8e356c77f914cd3b",
      },
      mac: "75d0e6759f7b3cefa319c3be41680ab6beea7d8328653474bd06706d4cc67420",
    },
    id: "a37e1559-5955-450d-8075-7b8931b392b2",
    version: 3,
  },
  password: "foo",
  priv: "81c29e8142bb6a81bef5a92bda7a8328a5c85bb2f9542e76f9b0f94fc018",
};

export const KEYSTORE_VECTORS: Readonly<Record<string, Vector>> = {
  scrypt: SCRYPT_VECTOR,
  pbkdf2: PBKDF2_VECTOR,
  "a key of 31 bytes": KEY_OF_31_BYTES,
  "a key of 30 bytes": KEY_OF_30_BYTES,
};

/** As `cast wallet import` writes it: no address, and a cheaper scrypt. The key is anvil's first. */
export const FOUNDRY_FILE: Vector<Hex> = {
  json: {
    crypto: {
      cipher: "aes-128-ctr",
      cipherparams: { iv: "5159c4a67ae85ebbbc2ac7411cc965ef" },
      ciphertext: "07a8f37ddc742b96688c6612d1d4c0f0e3a3e2902a3544ca9fe8c081aad22786",
      kdf: "scrypt",
      kdfparams: {
        dklen: 32,
        n: 8192,
        p: 1,
        r: 8,
        salt: "3ef92b928e55339fb020a68358be76f7f186bdf40978a353e5f7c7e244936ac0",
      },
      mac: "aa6a17a67b132a3f1babd4a0b02bfaa28ee4810c43b59a31780b921c8c4ac0b4",
    },
    id: "d27236b7-d5c7-441e-aa72-1178bf76eb25",
    version: 3,
  },
  password: "",
  priv: "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
};
