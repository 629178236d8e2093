/** Addresses that follow from seeds. The program derives the same, and refuses any other. */

import {
  getAddressEncoder,
  getProgramDerivedAddress,
  getU16Encoder,
  getU32Encoder,
  getU64Encoder,
  type Address,
  type ReadonlyUint8Array,
} from "@solana/kit";
import { DEPLOYMENTS_PROGRAM_ADDRESS } from "./generated/programs/index.js";

/** Mint of NOS, which has six decimals. */
export const NOS_MINT = "nosXBVoaCTtYdLvKY6Csb4AC8JCdQKKAaWYtx2ZMoo7" as Address;
/** The programs that keep token accounts. */
export const TOKEN_PROGRAM = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA" as Address;
export const ASSOCIATED_TOKEN_PROGRAM = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL" as Address;

async function derive(programAddress: Address, ...seeds: (string | ReadonlyUint8Array)[]): Promise<Address> {
  const [address] = await getProgramDerivedAddress({ programAddress, seeds });
  return address;
}

const bytes = (address: Address) => getAddressEncoder().encode(address);
const u64 = (value: bigint | number) => getU64Encoder().encode(value);

/** A wallet's Owner account, which counts its deployments. */
export const ownerAddress = (wallet: Address) => derive(DEPLOYMENTS_PROGRAM_ADDRESS, "owner", bytes(wallet));

/** A wallet's vault number `index`, 0 to 65,535: it holds SOL, and owns the token account that holds NOS. */
export const vaultAddress = (wallet: Address, index = 0) =>
  derive(DEPLOYMENTS_PROGRAM_ADDRESS, "vault", bytes(wallet), getU16Encoder().encode(index));

/** A wallet's deployment number `id`, from 0. */
export const deploymentAddress = (wallet: Address, id: bigint | number) =>
  derive(DEPLOYMENTS_PROGRAM_ADDRESS, "deployment", bytes(wallet), u64(id));

/** A deployment's revision `number`, from 2: the first has no account. */
export const revisionAddress = (deployment: Address, number: number) =>
  derive(DEPLOYMENTS_PROGRAM_ADDRESS, "revision", bytes(deployment), getU32Encoder().encode(number));

/** A deployment's job number `index`, from 0: an account of the markets' program. */
export const jobAddress = (deployment: Address, index: bigint | number) =>
  derive(DEPLOYMENTS_PROGRAM_ADDRESS, "job", bytes(deployment), u64(index));

/** The run of job number `index`, if a node was waiting when it was listed; any other run has an address of its node's. */
export const runAddress = (deployment: Address, index: bigint | number) =>
  derive(DEPLOYMENTS_PROGRAM_ADDRESS, "run", bytes(deployment), u64(index));

/** The associated token account in which a wallet or a vault keeps its NOS. */
export const nosAccountAddress = (holder: Address) =>
  derive(ASSOCIATED_TOKEN_PROGRAM, bytes(holder), bytes(TOKEN_PROGRAM), bytes(NOS_MINT));
