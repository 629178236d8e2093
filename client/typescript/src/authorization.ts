/** Who may ask a node: the key that listed the job, or the owner of the vault that did. */

import {
  getBase58Encoder,
  getPublicKeyFromAddress,
  signatureBytes,
  verifySignature,
  type Address,
  type ReadonlyUint8Array,
} from "@solana/kit";
import { vaultAddress } from "./addresses.js";

/** The longest that an authorisation counts, in milliseconds: 300 seconds, either way, since clocks differ. */
export const MAX_AGE_MS = 300_000;

/** A job as the markets' program stores it: its address, and who listed it. */
export type ListedJob = { address: Address; project: Address };

/** Whose vault it is. The `header` of a deployment's account says both. */
export type VaultSeeds = { owner: Address; vaultIndex: number };

export type Verdict = { verified: true; owner: Address } | { verified: false; why: string };

/**
 * Whether `header`, `<job>:<base58 signature of it>:<unix ms>`, is signed by the owner of the vault that is the job's
 * project. A vault's address cannot sign, so nodes that compare with the project alone turn its owner away.
 *
 * Nothing that the caller says is believed: the vault's address is derived again from the owner and the number. So the
 * seeds may come from the request, or from the header of whatever deployment it names.
 *
 * @param now Unix milliseconds.
 */
export async function verifyOwner(job: ListedJob, header: string, vault: VaultSeeds, now = Date.now()): Promise<Verdict> {
  const refuse = (why: string): Verdict => ({ verified: false, why });
  const [message, signature, at, ...rest] = header.split(":");
  if (message === undefined || signature === undefined || at === undefined || rest.length > 0 || !/^\d{1,16}$/.test(at)) {
    return refuse("the header is not <job>:<signature>:<unix ms>");
  }
  if (message !== job.address) return refuse(`it is signed for ${message}, not for job ${job.address}`);
  if (Math.abs(Number(at) - now) > MAX_AGE_MS) return refuse("it is more than 300 seconds old, or ahead; sign a new one");
  if (!Number.isInteger(vault.vaultIndex) || vault.vaultIndex < 0 || vault.vaultIndex > 0xffff) {
    return refuse(`vaultIndex: ${vault.vaultIndex} is not valid; use 0 to 65535`);
  }
  if ((await vaultAddress(vault.owner, vault.vaultIndex)) !== job.project) {
    return refuse(`vault ${vault.vaultIndex} of ${vault.owner} did not list job ${job.address}`);
  }
  const signed = signatureOf(signature);
  const isSigned = signed && (await isBy(vault.owner, signed, new TextEncoder().encode(message)));
  return isSigned ? { verified: true, owner: vault.owner } : refuse(`it is not signed by ${vault.owner}`);
}

function signatureOf(text: string): ReadonlyUint8Array | undefined {
  if (!/^[1-9A-HJ-NP-Za-km-z]{64,88}$/.test(text)) return undefined;
  const bytes = getBase58Encoder().encode(text);
  return bytes.length === 64 ? bytes : undefined;
}

async function isBy(signer: Address, signature: ReadonlyUint8Array, message: ReadonlyUint8Array): Promise<boolean> {
  try {
    return await verifySignature(await getPublicKeyFromAddress(signer), signatureBytes(Uint8Array.from(signature)), message);
  } catch {
    return false; // not a key
  }
}
