/** A whole Deployment account. What is generated from the IDL reads the fixed part alone. */

import {
  getArrayDecoder,
  getI64Decoder,
  getStructDecoder,
  getU32Decoder,
  getU64Decoder,
  getU8Decoder,
  type Address,
  type EncodedAccount,
} from "@solana/kit";
import { OVERLAPS, REASONS, STATUSES, STRATEGIES, wordFor, type Overlap, type Reason, type Status, type Strategy } from "./codes.js";
import { DEPLOYMENT_DISCRIMINATOR, getDeploymentDecoder, type Deployment } from "./generated/accounts/index.js";
import { DEPLOYMENTS_PROGRAM_ADDRESS } from "./generated/programs/index.js";

/** Layout version of the accounts that this package reads. */
const VERSION = 1;
/** Bytes before the slots, and bytes of one. */
const [FIXED_BYTES, SLOT_BYTES] = [544, 32];
/** `waitedSeconds` of a job that no node was seen running. */
const NOT_RUNNING = 0xffff_ffff;
const NO_KEY = "11111111111111111111111111111111" as Address;

/** A job that is active. */
export type ActiveJob = {
  /** Its index, a seed of its address. */
  index: bigint;
  /** Unix seconds. */
  listedAt: bigint;
  /** Revision of the job definition that it runs. */
  revision: number;
  /** Whether the owner asked for its replacement. */
  restarts: boolean;
  /** Longest run from its start in seconds, extensions included. */
  timeoutSeconds: number;
  /** Unix seconds at which a node was seen to have started it; `undefined` while it waits. */
  startedAt: bigint | undefined;
};

/** A deployment with the words for its numbers, and the jobs that are active. */
export type DeploymentAccount = {
  address: Address;
  /** The fixed part, as on chain. */
  header: Deployment;
  status: Status;
  strategy: Strategy;
  reason: Reason;
  overlap: Overlap;
  name: string;
  /** The owner's key that lists its jobs from now on, if there is one. */
  accessKey: Address | undefined;
  /** Authority of its jobs from now on: the access key, or else the vault. */
  project: Address;
  jobs: ActiveJob[];
  /** How many jobs may be active at once. */
  slots: number;
};

const slotDecoder = getStructDecoder([
  ["index", getU64Decoder()],
  ["listedAt", getI64Decoder()],
  ["revision", getU32Decoder()],
  ["jobBump", getU8Decoder()],
  ["runBump", getU8Decoder()],
  ["restarts", getU8Decoder()],
  ["reserved", getU8Decoder()],
  ["timeoutSeconds", getU32Decoder()],
  ["waitedSeconds", getU32Decoder()],
]);

/**
 * Reads a Deployment account.
 *
 * @throws Error if a different program owns the account, or it is none that this package knows.
 */
export function readDeployment(account: Pick<EncodedAccount, "address" | "data" | "programAddress">): DeploymentAccount {
  const { address, data } = account;
  const fail = (why: string): never => {
    throw new Error(`${address}: ${why}`);
  };
  if (account.programAddress !== DEPLOYMENTS_PROGRAM_ADDRESS) {
    fail(`owned by ${account.programAddress}, not by the deployments program ${DEPLOYMENTS_PROGRAM_ADDRESS}; is this the right cluster and address?`);
  }
  if (!DEPLOYMENT_DISCRIMINATOR.every((byte, at) => data[at] === byte)) fail("the account is of a different kind");
  if (data[8] !== VERSION) fail(`the account has layout version ${data[8]}, which this package does not know; update it`);
  if (data.length < FIXED_BYTES) fail("the account's data is damaged");
  const header = getDeploymentDecoder().decode(data);
  const slots = Math.floor((data.length - FIXED_BYTES) / SLOT_BYTES);
  if (header.active > slots) fail("the account's data is damaged");
  const word = <Word extends string>(words: readonly Word[], number: number) =>
    wordFor(words, number) ?? fail("the account's data is damaged");
  const active = getArrayDecoder(slotDecoder, { size: header.active }).decode(data, FIXED_BYTES);
  const accessKey = header.accessKey === NO_KEY ? undefined : header.accessKey;
  return {
    address,
    header,
    status: word(STATUSES, header.status),
    strategy: word(STRATEGIES, header.strategy),
    reason: word(REASONS, header.reason),
    overlap: word(OVERLAPS, header.overlap),
    name: new TextDecoder().decode(header.name.slice(0, header.nameLen)),
    accessKey,
    project: accessKey ?? header.vault,
    jobs: active.map(({ index, listedAt, revision, restarts, timeoutSeconds, waitedSeconds }) => ({
      index,
      listedAt,
      revision,
      restarts: restarts !== 0,
      timeoutSeconds,
      startedAt: waitedSeconds === NOT_RUNNING ? undefined : listedAt + BigInt(waitedSeconds),
    })),
    slots,
  };
}
