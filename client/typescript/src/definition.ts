/** A job definition as the nodes of one deployment fetch it, and the digest by which the chain names it. */

import { getBase58Decoder, getBase58Encoder, type Address, type ReadonlyUint8Array } from "@solana/kit";

/** What JSON can hold. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

/** What is pinned, and what a deployment names on chain by its digest. */
export type Definition = {
  value: JsonObject;
  /** The text that is pinned. */
  text: string;
  /** Its name on chain. */
  digest: Uint8Array;
  /** Its name on IPFS. */
  cid: string;
};

/**
 * `value` for the jobs of the deployment at this address, which it names as its `deployment_id`: the nodes of all its
 * jobs, later ones included, then serve behind one address. A definition that names one itself keeps it.
 */
export const definitionFor = (value: JsonObject, deployment: Address): Promise<Definition> =>
  exactly(Object.hasOwn(value, "deployment_id") ? value : { ...value, deployment_id: deployment });

/**
 * What is pinned instead of a confidential definition: it names a server of the owner's, where the node of a job fetches
 * the definition and leaves the result, and commits to the definition's digest. `server` is an address such as
 * `https://example.org/nosana`.
 */
export function stubFor(definition: Definition, server: string): Promise<Definition> {
  const base = server.replace(/\/+$/, "");
  const at = (path: string) => ({ type: "api", args: { endpoint: `${base}/%%global.job%%/${path}` } });
  const id = definition.value["deployment_id"];
  return exactly({
    version: "0.1",
    type: "container",
    meta: { definition: definition.cid },
    logistics: { send: at("job-definition"), receive: at("results") },
    ops: [],
    ...(id === undefined ? {} : { deployment_id: id }),
  });
}

/** Exactly this definition. */
async function exactly(value: JsonObject): Promise<Definition> {
  const text = JSON.stringify(value);
  const digest = await digestOf(new TextEncoder().encode(text));
  return { value, text, digest, cid: cidOf(digest) };
}

/** A digest as people and IPFS name it: its CIDv0, 46 characters of base58 that begin with `Qm`. */
export const cidOf = (digest: ReadonlyUint8Array): string => getBase58Decoder().decode(multihash(digest));

/** The digest that a CIDv0 names, or `undefined` if it is none. */
export function digestOfCid(cid: string): Uint8Array | undefined {
  if (!/^[1-9A-HJ-NP-Za-km-z]+$/.test(cid)) return undefined;
  const bytes = getBase58Encoder().encode(cid);
  return bytes.length === 34 && SHA2_256.every((byte, at) => bytes[at] === byte) ? bytes.slice(2) : undefined;
}

/** Multihash prefix: sha2-256, 32 bytes. */
const SHA2_256 = [0x12, 0x20];
const multihash = (digest: ReadonlyUint8Array) => Uint8Array.from([...SHA2_256, ...digest]);

/** As `ipfs add` does: most bytes of a file in one block, and most children of a node of the tree. */
const [CHUNK_BYTES, MOST_LINKS] = [262_144, 174];

/** A block of the tree, as its parent links to it. */
type Block = { digest: Uint8Array; fileBytes: number; treeBytes: number };

/** The digest inside the IPFS CIDv0 of a file: UnixFS in dag-pb, chunks of 256 KiB, a balanced tree. */
export async function digestOf(file: Uint8Array): Promise<Uint8Array> {
  let layer = await Promise.all(inGroups(file, CHUNK_BYTES, (from, to) => leaf(file.subarray(from, to))));
  while (layer.length > 1) {
    const children = layer;
    layer = await Promise.all(inGroups(children, MOST_LINKS, (from, to) => parent(children.slice(from, to))));
  }
  return (layer[0] ?? (await leaf(new Uint8Array()))).digest;
}

function inGroups<T>({ length }: { length: number }, size: number, group: (from: number, to: number) => T): T[] {
  return Array.from({ length: Math.ceil(length / size) }, (_, at) => group(at * size, (at + 1) * size));
}

/** UnixFS: field 1, type, is 2: a file. */
const UNIXFS_FILE = Uint8Array.of(0x08, 0x02);

async function leaf(chunk: Uint8Array): Promise<Block> {
  const content = chunk.length > 0 ? [field(0x12, chunk)] : [];
  const block = field(0x0a, joined(UNIXFS_FILE, ...content, number(0x18, chunk.length)));
  return { digest: await sha256(block), fileBytes: chunk.length, treeBytes: block.length };
}

async function parent(children: Block[]): Promise<Block> {
  const sum = (of: (child: Block) => number) => children.reduce((all, child) => all + of(child), 0);
  const fileBytes = sum((child) => child.fileBytes);
  const sizes = children.map((child) => number(0x20, child.fileBytes));
  const links = children.map((child) => {
    const noName = field(0x12, new Uint8Array());
    return field(0x12, joined(field(0x0a, multihash(child.digest)), noName, number(0x18, child.treeBytes)));
  });
  const unixfs = joined(UNIXFS_FILE, number(0x18, fileBytes), ...sizes);
  const block = joined(...links, field(0x0a, unixfs));
  return { digest: await sha256(block), fileBytes, treeBytes: sum((child) => child.treeBytes) + block.length };
}

/** A protobuf field of bytes, whose tag is number and wire type in one. */
const field = (tag: number, bytes: Uint8Array) => joined(number(tag, bytes.length), bytes);

/** A protobuf field of a number: tag and LEB128. */
function number(tag: number, value: number): Uint8Array {
  const bytes = [tag];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  return Uint8Array.from([...bytes, value]);
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
