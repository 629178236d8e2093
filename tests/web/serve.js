// A localnet, and a server of its deployments.

import { createKeyPairSignerFromBytes } from "@solana/kit";
import { localnet, started, until } from "../../client/typescript/test/world.js";

export { started, until };

/** Starts both, and stops them when the test is over. With `actsFor`, the server signs for the localnet's wallet. */
export async function served(context, { actsFor = false, more = [] } = {}) {
  const world = await localnet(context);
  const key = actsFor ? ["--keypair", world.keypair] : [];
  const args = ["serve", "--profile", world.profile, "--listen", "127.0.0.1:0", "--output", "json", ...key, ...more];
  const server = await started(context, args, world.home);
  const wallet = await createKeyPairSignerFromBytes(world.secret);
  return { world, wallet, url: server.api.replace(/\/api$/, "") };
}

export const definition = (image) => ({
  version: "0.1",
  type: "container",
  ops: [{ type: "container/run", id: "web", args: { image, expose: 80 } }],
});
