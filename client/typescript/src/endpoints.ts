/**
 * Where nodes serve the ports that a job definition exposes. The addresses follow from names alone, so they are known
 * before anything runs. The formulas are those of Nosana's nodes.
 */

import { getBase58Decoder, type Address } from "@solana/kit";
import type { Json, JsonObject } from "./definition.js";

/** Under which nodes have their addresses on mainnet, and on devnet. */
export const NODE_DOMAIN = "node.k8s.prd.nos.ci";
export const DEVNET_NODE_DOMAIN = "node.k8s.dev.nos.ci";

/** Where an operation's port is served. */
export type Endpoint = { op: string; port: number; url: string };

/** Why something that is exposed has no address. */
export type Why =
  /** An operation is private: nodes make up addresses, and tell them to the job's authority alone. */
  | "Private"
  /** The port is a placeholder, which a node fills in while the job runs. */
  | "Placeholder"
  /** An object that stands alone: nodes expose objects only in a list. */
  | "NotInAList"
  /** The definition has no `deployment_id`: each job has an address, the deployment has none. */
  | "NoDeploymentId";

/** What a definition exposes: what has an address, and what has none. */
export type Endpoints = { known: Endpoint[]; hidden: { op: string; why: Why }[] };

/**
 * The addresses of a deployment, one for each operation that exposes ports: every replica and every later job serves
 * behind it. `project` is the authority of its jobs: its access key, or its vault.
 */
export async function endpointsOfDeployment(definition: JsonObject, project: Address, domain = NODE_DOMAIN): Promise<Endpoints> {
  const { ports, hidden } = exposed(definition);
  const id = definition["deployment_id"];
  if (typeof id !== "string") {
    const more = ports.map(({ op }) => ({ op, why: "NoDeploymentId" as const }));
    return { known: [], hidden: unique([...hidden, ...more]) };
  }
  const flow = await hash(`${id}:${project}`, FLOW_CHARS);
  // One address for an operation: nodes group its ports behind it.
  const first = ports.filter(({ op }, at) => ports[at - 1]?.op !== op);
  const known = first.map(async ({ op, port }) => ({ op, port, url: await url(op, 0, flow, domain) }));
  return { known: await Promise.all(known), hidden };
}

/** The addresses of one job's ports. */
export async function endpointsOfJob(definition: JsonObject, job: Address, domain = NODE_DOMAIN): Promise<Endpoints> {
  const { ports, hidden } = exposed(definition);
  const known = ports.map(async ({ index, op, port }) => ({ op, port, url: await url(`${index}`, port, job, domain) }));
  return { known: await Promise.all(known), hidden };
}

type Exposed = { ports: { index: number; op: string; port: number }[]; hidden: Endpoints["hidden"] };

function exposed(definition: JsonObject): Exposed {
  const ops = Array.isArray(definition["ops"]) ? definition["ops"] : [];
  const exposing = ops.flatMap((op, index) => {
    const args = isObject(op) && isObject(op["args"]) ? op["args"] : {};
    const expose = args["expose"];
    if (expose === undefined || expose === null || (Array.isArray(expose) && expose.length === 0)) return [];
    const id = isObject(op) && typeof op["id"] === "string" ? op["id"] : "";
    return [{ index, id, expose, isPrivate: args["private"] === true }];
  });
  // One private operation makes the whole job private.
  if (exposing.some(({ expose, isPrivate }) => isPrivate && !isObject(expose))) {
    return { ports: [], hidden: exposing.map(({ id }) => ({ op: id, why: "Private" })) };
  }
  const ports: Exposed["ports"] = [];
  const hidden: Exposed["hidden"] = [];
  for (const { index, id: op, expose } of exposing) {
    for (const item of Array.isArray(expose) ? expose : [expose]) {
      const port = portOf(isObject(item) ? item["port"] : item);
      if (isObject(item) && !Array.isArray(expose)) hidden.push({ op, why: "NotInAList" });
      else if (port === undefined) hidden.push({ op, why: "Placeholder" });
      else ports.push({ index, op, port });
    }
  }
  return { ports, hidden: unique(hidden) };
}

const isObject = (value: Json | undefined): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

const portOf = (value: Json | undefined) =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffff ? value : undefined;

const unique = (hidden: Endpoints["hidden"]) =>
  hidden.filter(({ op, why }, at) => at === hidden.findIndex((other) => other.op === op && other.why === why));

/** Characters of a host's own part, and of what a deployment's hosts are made of. */
const [HOST_CHARS, FLOW_CHARS] = [44, 45];

const url = async (op: string, port: number, flow: string, domain: string) =>
  `https://${await hash(`${op}:${port}:${flow}`, HOST_CHARS)}.${domain}`;

/** The first characters of a text's hash in base58. */
async function hash(text: string, chars: number): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-512", new TextEncoder().encode(text));
  return getBase58Decoder().decode(new Uint8Array(bytes)).slice(0, chars);
}
