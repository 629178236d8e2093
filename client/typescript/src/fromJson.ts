/** A deployment as a person writes it: JSON to the instructions that create it. */

import { Validator } from "@cfworker/json-schema";
import { isAddress, type Address, type Instruction, type TransactionSigner } from "@solana/kit";
import { ASSOCIATED_TOKEN_PROGRAM, NOS_MINT, TOKEN_PROGRAM, deploymentAddress, nosAccountAddress, vaultAddress } from "./addresses.js";
import { OVERLAPS, STRATEGIES, type Overlap, type Strategy } from "./codes.js";
import { parseSchedule } from "./cron.js";
import { definitionFor, stubFor, type Definition, type Json, type JsonObject } from "./definition.js";
import { getCreateInstructionAsync } from "./generated/instructions/index.js";
import { DEPLOYMENT_SCHEMA } from "./generated/schema.js";
import type { ScheduleArgs, SettingsArgsArgs } from "./generated/types/index.js";
import { parseJson } from "./json.js";
import { InvalidDeployment, invalid, type Problem } from "./problems.js";

/** A deployment's JSON, as its schema allows it. */
export type DeploymentJson = {
  name: string;
  market: Address;
  replicas: number;
  /** Minutes. */
  timeout: number;
  strategy: Strategy;
  schedule?: string;
  overlap?: Overlap;
  /** Minutes. */
  rotation_time?: number;
  auto_extend?: boolean;
  /** NOS base units per second. */
  max_price?: number | "none";
  max_fee_bps?: number;
  /** Lamports for each job. */
  keeper_reward?: number;
  /** Lamports a day. */
  max_rewards?: number;
  retries?: number;
  max_queue_minutes?: number;
  vault?: number | Address;
  new_vault?: boolean;
  access_key?: Address;
  autostart?: boolean;
  confidential?: boolean;
  job_definition: JsonObject;
};

/** What the JSON alone does not say. */
export type CreateOptions = {
  /** The wallet that owns the deployment, and pays its accounts' rent. */
  owner: TransactionSigner;
  /** The Owner account's `nextDeploymentId`; 0 for a wallet that has no such account yet. */
  id: bigint | number;
  /** What the market asks now, NOS base units per second: the cap, where the JSON names none, is half as much again. */
  pricePerSecond?: bigint | number;
  /** Number of a vault that is not in use yet, for `new_vault`. */
  newVaultIndex?: number;
  /** Where nodes fetch a confidential definition, for example `https://example.org/nosana`. */
  definitionsUrl?: string;
};

/** Instructions that create a deployment, and what follows from them. */
export type Creation = {
  deployment: Address;
  vault: Address;
  vaultIndex: number;
  /** Authority of its jobs: its access key, or else its vault. */
  project: Address;
  /** What the nodes run. */
  definition: Definition;
  /** What is to be pinned before the deployment starts: the definition, or a stub of a confidential one. */
  pinned: Definition;
  /** Makes the vault's token account if need be, and creates the deployment. */
  instructions: [Instruction, Instruction];
};

const DEFAULT_ROTATION_MINUTES = 20;
const DEFAULT_MAX_FEE_BPS = 1_000;
const DEFAULT_MAX_REWARDS_LAMPORTS_PER_DAY = 10_000_000;
const NO_PRICE_CAP = 2n ** 64n - 1n;
const NO_KEY = "11111111111111111111111111111111" as Address;
/** How many of a wallet's vaults are compared with an address. */
const VAULTS_LOOKED_AT = 1_024;

/**
 * Reads a deployment from JSON; comments and trailing commas are allowed. What settings mean together, the program
 * checks: it refuses a schedule without SCHEDULED, for example, by an error of its own.
 *
 * @throws InvalidDeployment that names every field that is missing, unknown or not valid.
 */
export function readDeploymentJson(text: string): DeploymentJson {
  const json = parseJson(text);
  const { valid, errors } = new Validator(DEPLOYMENT_SCHEMA as object, "2020-12", false).validate(json);
  const problems = valid ? numbersTooLarge(json as JsonObject) : problemsOf(json, errors);
  if (problems.length > 0) throw new InvalidDeployment(problems);
  const deployment = json as DeploymentJson;
  for (const field of ["market", "access_key", "vault"] as const) {
    const key = deployment[field];
    if (typeof key === "string" && !isAddress(key)) throw invalid(field, JSON.stringify(key), "use a base58 public key");
  }
  if (new TextEncoder().encode(deployment.name).length > 64) {
    throw invalid("name", JSON.stringify(deployment.name), "use at most 64 bytes of UTF-8");
  }
  if (deployment.new_vault && deployment.vault !== undefined) throw invalid("new_vault", "true", "use either vault or new_vault");
  return deployment;
}

/**
 * What creates the deployment that this JSON describes. Nothing is sent, and nothing is pinned.
 *
 * @throws InvalidDeployment that names every field that is missing, unknown or not valid.
 */
export async function fromJson(text: string, options: CreateOptions): Promise<Creation> {
  const json = readDeploymentJson(text);
  const owner = options.owner.address;
  const schedule = scheduleOf(json);
  const settings = settingsOf(json, schedule, options.pricePerSecond);
  const vaultIndex = await vaultIndexOf(json, options);
  const [deployment, vault] = await Promise.all([deploymentAddress(owner, options.id), vaultAddress(owner, vaultIndex)]);
  const definition = await definitionFor(json.job_definition, deployment);
  const pinned = await pinnedOf(json, definition, options.definitionsUrl);
  const vaultNos = await nosAccountAddress(vault);
  const create = await getCreateInstructionAsync({
    owner: options.owner,
    deployment,
    vault,
    market: json.market,
    id: options.id,
    vaultIndex,
    name: json.name,
    strategy: STRATEGIES.indexOf(json.strategy),
    settings,
    jobDefinition: pinned.digest,
    autostart: json.autostart ?? false,
    accessKey: json.access_key ?? NO_KEY,
  });
  return {
    deployment,
    vault,
    vaultIndex,
    project: json.access_key ?? vault,
    definition,
    pinned,
    instructions: [createNosAccount(options.owner, vault, vaultNos), create as Instruction],
  };
}

function scheduleOf({ schedule }: DeploymentJson): ScheduleArgs | null {
  if (schedule === undefined) return null;
  try {
    return parseSchedule(schedule);
  } catch (error) {
    throw invalid("schedule", JSON.stringify(schedule), (error as Error).message);
  }
}

function settingsOf(json: DeploymentJson, schedule: ScheduleArgs | null, pricePerSecond?: bigint | number): SettingsArgsArgs {
  const rotation = json.rotation_time ?? (json.strategy === "INFINITE" ? DEFAULT_ROTATION_MINUTES : 0);
  return {
    replicas: json.replicas,
    timeoutSeconds: json.timeout * 60,
    schedule,
    overlap: OVERLAPS.indexOf(json.overlap ?? "ALLOW"),
    rotationSeconds: rotation * 60,
    autoExtend: json.auto_extend ?? false,
    maxPricePerSecond: capOf(json, pricePerSecond),
    maxFeeBps: json.max_fee_bps ?? DEFAULT_MAX_FEE_BPS,
    maxRewardsLamportsPerDay: json.max_rewards ?? DEFAULT_MAX_REWARDS_LAMPORTS_PER_DAY,
    retries: json.retries ?? 0,
    keeperRewardLamports: json.keeper_reward ?? 0,
    maxQueueSeconds: (json.max_queue_minutes ?? 0) * 60,
  };
}

function capOf({ max_price }: DeploymentJson, pricePerSecond?: bigint | number): bigint {
  if (max_price === "none") return NO_PRICE_CAP;
  if (max_price !== undefined) return BigInt(max_price);
  if (pricePerSecond === undefined) {
    throw invalid("max_price", undefined, "name NOS base units per second or \"none\", or pass the market's pricePerSecond");
  }
  const price = BigInt(pricePerSecond);
  return price + (price + 1n) / 2n;
}

async function vaultIndexOf(json: DeploymentJson, { owner, newVaultIndex }: CreateOptions): Promise<number> {
  if (json.new_vault) {
    if (newVaultIndex === undefined) throw invalid("new_vault", "true", "pass newVaultIndex, the number of a vault that is not in use");
    return newVaultIndex;
  }
  if (typeof json.vault !== "string") return json.vault ?? 0;
  for (let index = 0; index < VAULTS_LOOKED_AT; index++) {
    if ((await vaultAddress(owner.address, index)) === json.vault) return index;
  }
  throw invalid("vault", json.vault, `use the number or the address of one of the first ${VAULTS_LOOKED_AT} vaults of ${owner.address}`);
}

function pinnedOf({ confidential }: DeploymentJson, definition: Definition, url?: string): Definition | Promise<Definition> {
  if (!confidential) return definition;
  if (url === undefined) throw invalid("confidential", "true", "pass definitionsUrl, where nodes fetch the definition");
  return stubFor(definition, url);
}

/** The associated token program's CreateIdempotent. */
function createNosAccount(payer: TransactionSigner, holder: Address, account: Address): Instruction {
  const [READONLY, WRITABLE, WRITABLE_SIGNER] = [0, 1, 3] as const;
  const accounts = [
    { address: payer.address, role: WRITABLE_SIGNER, signer: payer },
    { address: account, role: WRITABLE },
    { address: holder, role: READONLY },
    { address: NOS_MINT, role: READONLY },
    { address: NO_KEY, role: READONLY },
    { address: TOKEN_PROGRAM, role: READONLY },
  ];
  return { programAddress: ASSOCIATED_TOKEN_PROGRAM, accounts, data: Uint8Array.of(1) };
}

/** Whole numbers that JavaScript does not hold exactly. */
function numbersTooLarge(json: JsonObject): Problem[] {
  const valid = `use at most ${Number.MAX_SAFE_INTEGER}, the largest whole number that JavaScript holds exactly`;
  const isTooLarge = (value: Json) => typeof value === "number" && !Number.isSafeInteger(value);
  return Object.entries(json).flatMap(([field, value]) => (isTooLarge(value) ? [{ field, value: `${value}`, valid }] : []));
}

type SchemaError = { keyword: string; keywordLocation: string; instanceLocation: string; error: string };

/** What the schema says of each place that it refuses: of places within each other, the innermost. */
function problemsOf(json: Json, errors: SchemaError[]): Problem[] {
  const places = new Map<string, SchemaError>();
  for (const error of withoutOthers(errors)) {
    const isOfProperty = ["required", "additionalProperties"].includes(error.keyword);
    const property = isOfProperty ? /"([^"]+)"/.exec(error.error)?.[1] : undefined;
    const place = property === undefined ? error.instanceLocation : `${error.instanceLocation}/${property}`;
    if (!places.has(place)) places.set(place, error);
  }
  const innermost = [...places.keys()].filter((place) => ![...places.keys()].some((other) => other.startsWith(`${place}/`)));
  return innermost.map((place) => {
    const steps = place.split("/").slice(1).map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
    const value = steps.reduce<Json | undefined>((at, step) => (at as JsonObject | undefined)?.[step], json);
    const shown = value === undefined ? undefined : shorten(JSON.stringify(value));
    return { field: pathOf(steps), value: shown, valid: descriptionOf(steps) ?? places.get(place)?.error ?? "see the schema" };
  });
}

/** Leaves out what is wrong with a place if it is taken for something that its `type` says it is not. */
function withoutOthers(errors: SchemaError[]): SchemaError[] {
  const others = errors.flatMap(({ keyword, keywordLocation, instanceLocation }) => {
    const branch = /^(.*\/anyOf)\/\d+(?=\/)/.exec(keywordLocation);
    const choice = errors.find((error) => error.keywordLocation === branch?.[1]);
    const isOther = keyword === "enum" && choice !== undefined && instanceLocation === `${choice.instanceLocation}/type`;
    return isOther && branch ? [`${branch[0]}/`] : [];
  });
  const isOwn = ({ keyword, keywordLocation }: SchemaError) => keyword !== "false" && !others.some((other) => keywordLocation.startsWith(other));
  return errors.filter(isOwn);
}

const pathOf = (steps: string[]) =>
  steps.reduce((path, step) => (/^\d+$/.test(step) ? `${path}[${step}]` : path === "" ? step : `${path}.${step}`), "") || "JSON";

const shorten = (text: string) => (text.length > 60 ? `${text.slice(0, 60)}…` : text);

/** What the schema says of a place. */
function descriptionOf(steps: string[]): string | undefined {
  let places: SchemaNode[] = [DEPLOYMENT_SCHEMA as SchemaNode];
  for (const step of steps) places = places.flatMap(alternatives).flatMap((place) => place.properties?.[step] ?? (/^\d+$/.test(step) ? place.items ?? [] : []));
  const found = places.find((place) => place.description) ?? places.flatMap(alternatives).find((place) => place.description);
  return found?.description?.replaceAll("\n", " ");
}

type SchemaNode = { $ref?: string; anyOf?: SchemaNode[]; properties?: Record<string, SchemaNode>; items?: SchemaNode; description?: string };

/** A place in the schema, and what it may stand for. */
function alternatives(place: SchemaNode): SchemaNode[] {
  const definitions = DEPLOYMENT_SCHEMA.$defs as unknown as Record<string, SchemaNode>;
  const referred = place.$ref ? definitions[place.$ref.replace("#/$defs/", "")] : undefined;
  return [place, ...(referred ? alternatives(referred) : []), ...(place.anyOf ?? []).flatMap(alternatives)];
}
