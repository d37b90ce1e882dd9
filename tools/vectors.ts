/**
 * Test vectors that TypeScript produces and both sides check, so that contracts/src/libraries and
 * src/protocol cannot drift apart. `node tools/vectors.ts` writes them; vectors.test.ts fails when
 * the files differ from what this generates. No randomness: all values come from hashed labels.
 *
 * Layout, made for forge's vm.parseJson…Array: an object of flat arrays per kind of row, all of one
 * length, read by one index (".rows.balance" with parseJsonUintArray). Hex as 0x strings, numbers
 * as decimal strings. A list within a row is a slice of a flat array of its own: `pathOffset[i]`
 * and `pathCount[i]` of `path`.
 *
 * sumTree.json: `rows`: one proof each. label, client, balance, index, leafCount, commitment (what
 *   the Mediator stores), valid (whether SumTree.verify accepts), siblingOffset, siblingCount.
 *   `siblings`: hash, sum. `roots`: node, total, leafCount, commitment, the empty tree first.
 * messages.json: `domain`: chainId, mediator, separator (no arrays). `orders`: the fields of Order
 *   (intent 0 or 1), structHash, digest, r, vs, pathOffset, pathCount, signer (whom Messages.signer
 *   gives, zero for nobody). `fills`: the same with the fields of Fill. `path`: step. `commits`:
 *   round, rootOffset, rootCount, rootsHash, structHash. `roots`: token, node, total, leafCount.
 *   `statements`: client, round, watermark, exceptOffset, exceptCount, sumOffset, sumCount,
 *   structHash. `excepts`: id. `sums`: token, sold, bought.
 *   `delegations`: client, delegate, untilRound, structHash, digest, signature (65 bytes).
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { checksumAddress, publicKeyToAddress, ZERO_ADDRESS } from "../src/base/address.ts";
import { UINT64_MAX, UINT128_MAX } from "../src/base/bytes.ts";
import { nobleCurve } from "../src/base/curve.ts";
import { type Address, bytesToHex, type Hex } from "../src/base/hex.ts";
import { keccak256 } from "../src/base/keccak.ts";
import {
  digest,
  domainSeparator,
  hashCommit,
  hashDisputeDelegation,
  hashFill,
  hashOrder,
  hashStatement,
  INTENT_CODE,
  orderHash,
  rootsHash,
} from "../src/protocol/messages.ts";
import { recoverSigner, signBatch, signMessage, toRsv } from "../src/protocol/signatures.ts";
import { EMPTY_ROOT, rootCommitment, SumTree, verifyProof } from "../src/protocol/sumTree.ts";
import type {
  BalanceProof,
  Domain,
  Fill,
  Order,
  Signature,
  TokenRoot,
  TreeRoot,
} from "../src/protocol/units.ts";

/** Rows as flat arrays of equal length. */
type Columns = Record<string, (string | boolean)[]>;

function bytesOf(label: string): Uint8Array {
  return keccak256(new TextEncoder().encode(label));
}

function numberOf(label: string, bits: number): bigint {
  return BigInt(bytesToHex(bytesOf(label))) >> BigInt(256 - bits);
}

function addressOf(label: string): Address {
  return checksumAddress(bytesOf(label).subarray(12));
}

function push(columns: Columns, row: Record<string, string | number | bigint | boolean>): void {
  for (const [name, value] of Object.entries(row)) {
    columns[name] ??= [];
    columns[name].push(typeof value === "boolean" ? value : String(value));
  }
}

const TREE_COUNTS = [1, 2, 3, 5, 8, 9, 17];
/** Trees small enough to forge every proof of in every way. */
const FORGED_COUNTS = [2, 3, 5];

/** The content of contracts/test/vectors/sumTree.json. */
export function sumTreeVectors(): Record<string, Columns> {
  const rows: Columns = {};
  const siblings: Columns = {};
  const roots: Columns = {};

  const addRow = (label: string, client: Address, proof: BalanceProof, commitment: Hex) => {
    push(rows, {
      label,
      client,
      balance: proof.balance,
      index: proof.index,
      leafCount: proof.leafCount,
      commitment,
      valid: verifyProof(commitment, client, proof).ok,
      siblingOffset: siblings.hash?.length ?? 0,
      siblingCount: proof.siblings.length,
    });
    for (const { hash, sum } of proof.siblings) push(siblings, { hash, sum });
  };

  push(roots, rootRow(EMPTY_ROOT));
  for (const count of TREE_COUNTS) {
    const { tree, clients } = treeOf(count);
    const commitment = rootCommitment(tree.root());
    push(roots, rootRow(tree.root()));
    clients.forEach((client, index) => {
      const proof = tree.prove(index);
      addRow(`${count} leaves`, client, proof, commitment);
      if (!FORGED_COUNTS.includes(count)) return;
      addRow("another client", addressOf("stranger"), proof, commitment);
      addRow("nothing committed", client, proof, EMPTY_ROOT.node);
      for (const [label, forged] of forgeriesOf(proof)) addRow(label, client, forged, commitment);
    });
  }
  addSharedBalance(addRow);
  return { rows, siblings, roots };
}

function rootRow(root: TreeRoot): Record<string, string | number | bigint> {
  return {
    node: root.node,
    total: root.total,
    leafCount: root.leafCount,
    commitment: rootCommitment(root),
  };
}

function treeOf(count: number): { tree: SumTree; clients: Address[] } {
  const clients = Array.from({ length: count }, (_, i) => addressOf(`client ${count} ${i}`));
  // The first has nothing, which clients mostly have of most tokens.
  const leaves = clients.map((client, i) => ({
    client,
    balance: i === 0 ? 0n : numberOf(`balance ${count} ${i}`, 100),
  }));
  return { tree: SumTree.build(leaves), clients };
}

function forgeriesOf(proof: BalanceProof): [string, BalanceProof][] {
  const { siblings, balance, index, leafCount } = proof;
  const stranger = { hash: bytesToHex(bytesOf("sibling")), sum: 0n };
  const forged: [string, BalanceProof][] = [
    ["balance + 1", { ...proof, balance: balance + 1n }],
    ["index + 1", { ...proof, index: index + 1 }],
    ["index + count", { ...proof, index: index + leafCount }],
    ["count + 1", { ...proof, leafCount: leafCount + 1 }],
    ["count - 1", { ...proof, leafCount: leafCount - 1 }],
    ["one sibling more", { ...proof, siblings: [...siblings, stranger] }],
    ["one sibling less", { ...proof, siblings: siblings.slice(0, -1) }],
    ["siblings reversed", { ...proof, siblings: siblings.toReversed() }],
  ];
  siblings.forEach((sibling, at) => {
    const replaced = (change: object) => ({
      ...proof,
      siblings: siblings.with(at, { ...sibling, ...change }),
    });
    forged.push([`sibling ${at} sum + 1`, replaced({ sum: sibling.sum + 1n })]);
    forged.push([`sibling ${at} sum too large`, replaced({ sum: UINT128_MAX })]);
    forged.push([`sibling ${at} hash`, replaced({ hash: stranger.hash })]);
  });
  // A single sibling reversed is the proof itself.
  return forged.filter(([label]) => label !== "siblings reversed" || siblings.length > 1);
}

/** Two clients shown the same money: whichever the commitment is made for, the other's fails. */
function addSharedBalance(
  addRow: (label: string, client: Address, proof: BalanceProof, commitment: Hex) => void,
): void {
  const clients = [addressOf("alice"), addressOf("bob")] as const;
  const leafHash = (at: 0 | 1) =>
    SumTree.build([{ client: clients[at], balance: 100n }]).root().node;
  const proofOf = (at: 0 | 1): BalanceProof => ({
    balance: 100n,
    index: at,
    leafCount: 2,
    siblings: [{ hash: leafHash(at === 0 ? 1 : 0), sum: 0n }],
  });
  for (const favoured of [0, 1] as const) {
    const outcome = verifyProof(bytesToHex(bytesOf("any")), clients[favoured], proofOf(favoured));
    if (outcome.ok || outcome.fault !== "CommitmentDiffers") throw new Error("no such proof");
    for (const at of [0, 1] as const) {
      addRow("shared balance", clients[at], proofOf(at), outcome.proven);
    }
  }
}

const DOMAIN: Domain = {
  chainId: 31337,
  mediator: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
};

/** The content of contracts/test/vectors/messages.json. */
export function messageVectors(): Record<string, Columns | Record<string, string>> {
  const path: string[] = [];
  const orders: Columns = {};
  const fills: Columns = {};

  const signatureOf = (structHash: Uint8Array, signature: Signature) => {
    const pathOffset = path.length;
    path.push(...signature.path);
    return {
      structHash: bytesToHex(structHash),
      digest: bytesToHex(digest(DOMAIN, structHash)),
      r: signature.r,
      vs: signature.vs,
      pathOffset,
      pathCount: signature.path.length,
      signer: recoverSigner(nobleCurve, DOMAIN, structHash, signature) ?? ZERO_ADDRESS,
    };
  };

  const allOrders = Array.from({ length: 8 }, (_, i) => orderOf(i));
  signaturesOver(allOrders.map(hashOrder), "owner").forEach(([at, signature]) => {
    const order = allOrders[at] as Order;
    push(orders, {
      ...order,
      intent: INTENT_CODE[order.intent],
      ...signatureOf(hashOrder(order), signature),
    });
  });

  const allFills = allOrders.map(fillOf);
  signaturesOver(allFills.map(hashFill), "operator").forEach(([at, signature]) => {
    const fill = allFills[at] as Fill;
    push(fills, { ...fill, ...signatureOf(hashFill(fill), signature) });
  });

  return {
    domain: {
      chainId: String(DOMAIN.chainId),
      mediator: DOMAIN.mediator,
      separator: bytesToHex(domainSeparator(DOMAIN)),
    },
    orders,
    fills,
    path: { step: path },
    ...commitVectors(),
    ...statementVectors(),
    delegations: delegationVectors(),
  };
}

/**
 * Signatures over messages, as [message, signature]: each alone, each in batches of 2, 3, 5 and 8,
 * and signatures that are nobody's or somebody else's.
 */
function signaturesOver(structHashes: readonly Uint8Array[], label: string): [number, Signature][] {
  const key = bytesOf(`${label} key`);
  const signatures: [number, Signature][] = structHashes.map((structHash, i) => [
    i,
    signMessage(nobleCurve, DOMAIN, structHash, key),
  ]);
  for (const size of [2, 3, 5, 8]) {
    const batch = signBatch(nobleCurve, DOMAIN, structHashes.slice(0, size), key);
    signatures.push(...batch.map((signature, i): [number, Signature] => [i, signature]));
  }
  const [[, alone]] = signatures as [[number, Signature]];
  const [, batched] = signatures.at(-1) as [number, Signature];
  const zero: Hex = EMPTY_ROOT.node;
  const highS: Hex = "0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1";
  const wrong: Signature[] = [
    { ...alone, r: zero },
    { ...alone, vs: zero },
    { ...alone, vs: highS },
    { ...alone, r: `0x${"ff".repeat(32)}` },
    { ...alone, path: [zero] },
    { ...batched, path: [] },
    { ...batched, path: batched.path.toReversed() },
    batched,
  ];
  signatures.push(...wrong.map((signature): [number, Signature] => [0, signature]));
  return signatures;
}

function orderOf(index: number): Order {
  const largest = index === 0;
  return {
    owner: publicKeyToAddress(nobleCurve.publicKey(bytesOf("owner key"))),
    round: largest ? Number.MAX_SAFE_INTEGER : index,
    id: largest ? UINT64_MAX : numberOf(`id ${index}`, 64),
    sellToken: addressOf(`sell ${index}`),
    sellAmount: largest ? UINT128_MAX : numberOf(`sell amount ${index}`, 128),
    buyToken: addressOf(`buy ${index}`),
    buyAmount: largest ? UINT128_MAX : numberOf(`buy amount ${index}`, 90),
    intent: index % 2 === 0 ? "buyAll" : "sellAll",
  };
}

function fillOf(order: Order, index: number): Fill {
  return {
    orderHash: orderHash(order),
    owner: order.owner,
    round: order.round,
    sold: order.sellAmount,
    bought: order.buyAmount,
    sequence: index === 0 ? UINT64_MAX : numberOf(`sequence ${index}`, 64),
  };
}

function commitVectors(): { commits: Columns; roots: Columns } {
  const commits: Columns = {};
  const roots: Columns = {};
  for (const count of [0, 1, 2, 5]) {
    const ofRound = Array.from({ length: count }, (_, i): TokenRoot => {
      const { tree } = treeOf(TREE_COUNTS[i] as number);
      return { token: addressOf(`token ${count} ${i}`), ...tree.root() };
    });
    const commit = { round: 7 + count, rootsHash: rootsHash(ofRound) };
    push(commits, {
      ...commit,
      rootOffset: roots.token?.length ?? 0,
      rootCount: count,
      structHash: bytesToHex(hashCommit(commit)),
    });
    for (const { token, node, total, leafCount } of ofRound) {
      push(roots, { token, node, total, leafCount });
    }
  }
  return { commits, roots };
}

function statementVectors(): { statements: Columns; excepts: Columns; sums: Columns } {
  const statements: Columns = {};
  const excepts: Columns = {};
  const sums: Columns = {};
  for (const [row, [ids, count]] of [
    [0, 0],
    [0, 1],
    [1, 0],
    [3, 2],
    [32, 32],
  ].entries()) {
    const places = Array.from({ length: count as number }, (_, i) => i);
    const statement = {
      client: addressOf(`client ${row}`),
      round: row === 0 ? Number.MAX_SAFE_INTEGER : row,
      watermark: row === 0 ? UINT64_MAX : 1000n + BigInt(row),
      except: Array.from({ length: ids as number }, (_, i) => BigInt(3 * i)),
      tokens: places.map((i) => addressOf(`summed ${i}`)).sort(),
      sold: places.map((i) => (i === 0 ? UINT128_MAX : numberOf(`sold ${row} ${i}`, 128))),
      bought: places.map((i) => numberOf(`bought ${row} ${i}`, 100)),
    };
    push(statements, {
      client: statement.client,
      round: statement.round,
      watermark: statement.watermark,
      exceptOffset: excepts["id"]?.length ?? 0,
      exceptCount: ids as number,
      sumOffset: sums["token"]?.length ?? 0,
      sumCount: count as number,
      structHash: bytesToHex(hashStatement(statement)),
    });
    for (const id of statement.except) push(excepts, { id });
    for (const [i, token] of statement.tokens.entries()) {
      push(sums, {
        token,
        sold: statement.sold[i] as bigint,
        bought: statement.bought[i] as bigint,
      });
    }
  }
  return { statements, excepts, sums };
}

function delegationVectors(): Columns {
  const delegations: Columns = {};
  for (let index = 0; index < 3; index++) {
    const key = bytesOf(`delegation key ${index}`);
    const delegation = {
      client: publicKeyToAddress(nobleCurve.publicKey(key)),
      delegate: addressOf(`delegate ${index}`),
      untilRound: index === 0 ? Number.MAX_SAFE_INTEGER : 100 * index,
    };
    const structHash = hashDisputeDelegation(delegation);
    push(delegations, {
      ...delegation,
      structHash: bytesToHex(structHash),
      digest: bytesToHex(digest(DOMAIN, structHash)),
      signature: toRsv(signMessage(nobleCurve, DOMAIN, structHash, key)),
    });
  }
  return delegations;
}

/** The committed files with what they must hold. */
export function vectorFiles(): { readonly path: string; readonly content: string }[] {
  const folder = new URL("../contracts/test/vectors/", import.meta.url);
  const file = (name: string, vectors: object) => ({
    path: fileURLToPath(new URL(name, folder)),
    content: `${JSON.stringify(vectors, null, 1)}\n`,
  });
  return [file("sumTree.json", sumTreeVectors()), file("messages.json", messageVectors())];
}

if (import.meta.main) {
  for (const { path, content } of vectorFiles()) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    console.log(`wrote ${path}`);
  }
}
