/** What the program tells: one event for each call, in an instruction that it calls on itself. */

import { getBase58Encoder, type Address, type Base58EncodedBytes, type ReadonlyUint8Array } from "@solana/kit";
import { EVENTS, type DeploymentsEvent } from "./generated/events.js";
import { DEPLOYMENTS_PROGRAM_ADDRESS } from "./generated/programs/index.js";

export type { DeploymentsEvent } from "./generated/events.js";

/** One that a newer program tells. */
export type UnknownEvent = { kind: "Unknown" };

/** What Anchor's `emit_cpi!` puts before an event. */
const TAG = [228, 69, 165, 46, 81, 203, 154, 29];

/**
 * The event of an instruction that a transaction's instructions called, or `undefined` if it tells none. One that
 * the transaction itself holds tells nothing: the program refuses it.
 */
export function readEvent(programAddress: Address, data: ReadonlyUint8Array): DeploymentsEvent | UnknownEvent | undefined {
  const begins = (bytes: readonly number[], at: number) => bytes.every((byte, place) => data[at + place] === byte);
  if (programAddress !== DEPLOYMENTS_PROGRAM_ADDRESS || !begins(TAG, 0)) return undefined;
  const found = EVENTS.find((event) => begins(event.discriminator, TAG.length));
  if (found === undefined) return { kind: "Unknown" };
  try {
    // Further fields are a newer program's.
    const fields = found.decoder.decode(data, TAG.length + found.discriminator.length);
    return { kind: found.kind, data: fields } as DeploymentsEvent;
  } catch {
    return { kind: "Unknown" };
  }
}

/** As `getTransaction` answers with the encoding `json`. */
export type TransactionWithMeta = {
  meta: {
    err: unknown;
    innerInstructions?: readonly { instructions: readonly { data: Base58EncodedBytes | string; programIdIndex: number }[] }[] | null;
    loadedAddresses?: { readonly: readonly Address[]; writable: readonly Address[] };
  } | null;
  transaction: { message: { accountKeys: readonly Address[] } };
};

/** The events of a transaction, in the order in which the program told them; none if it failed. */
export function eventsOf({ meta, transaction }: TransactionWithMeta): (DeploymentsEvent | UnknownEvent)[] {
  if (meta === null || meta.err !== null) return [];
  const { writable = [], readonly = [] } = meta.loadedAddresses ?? {};
  const keys = [...transaction.message.accountKeys, ...writable, ...readonly];
  const called = (meta.innerInstructions ?? []).flatMap(({ instructions }) => instructions);
  return called.flatMap(({ data, programIdIndex }) => {
    const program = keys[programIdIndex];
    const event = program && readEvent(program, getBase58Encoder().encode(data));
    return event ? [event] : [];
  });
}
