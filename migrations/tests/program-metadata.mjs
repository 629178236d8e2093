// Writes program-metadata.json: what the client of the Program Metadata program makes of the same arguments.
//
//   npm install @solana-program/program-metadata@0.7.0 @solana/kit@6
//   node program-metadata.mjs > program-metadata.json

import { createHash } from "node:crypto";
import { createNoopSigner, getAddressDecoder } from "@solana/kit";
import * as metadata from "@solana-program/program-metadata";

/** An address that both sides can name. */
const key = (name) => getAddressDecoder().decode(createHash("sha256").update(name).digest());
const [program, programData, deployer, authority] = [
  "program",
  "program data",
  "deployer",
  "authority",
].map(key);
const [uploader, upgrader] = [deployer, authority].map(createNoopSigner);
const bytes = (text) => new TextEncoder().encode(text);

const [idl] = await metadata.findCanonicalPda({ program, seed: "idl" });
const [buffer] = await metadata.findNonCanonicalPda({
  program,
  authority: deployer,
  seed: "idlABCDEFGHIJKLM",
});
const stored = {
  encoding: metadata.Encoding.Utf8,
  compression: metadata.Compression.Zlib,
  format: metadata.Format.Json,
  dataSource: metadata.DataSource.Direct,
};
const published = { authority: upgrader, program, programData };
const instructions = {
  allocate_buffer: metadata.getAllocateInstruction({
    buffer,
    authority: uploader,
    program,
    seed: "idlABCDEFGHIJKLM",
  }),
  extend_buffer: metadata.getExtendInstruction({ account: buffer, authority: uploader, length: 777 }),
  write: metadata.getWriteInstruction({ buffer, authority: uploader, offset: 258, data: bytes("part") }),
  set_authority: metadata.getSetAuthorityInstruction({
    account: buffer,
    authority: uploader,
    newAuthority: authority,
  }),
  allocate: metadata.getAllocateInstruction({ buffer: idl, ...published, seed: "idl" }),
  extend: metadata.getExtendInstruction({ account: idl, ...published, length: 777 }),
  fill: metadata.getWriteInstruction({ buffer: idl, authority: upgrader, sourceBuffer: buffer, offset: 0 }),
  initialize: metadata.getInitializeInstruction({
    metadata: idl,
    ...published,
    system: metadata.PROGRAM_METADATA_PROGRAM_ADDRESS,
    seed: "idl",
    ...stored,
  }),
  set_data: metadata.getSetDataInstruction({ metadata: idl, ...published, buffer, ...stored }),
  trim: metadata.getTrimInstruction({ account: idl, ...published, destination: deployer }),
  close: metadata.getCloseInstruction({ account: buffer, authority: upgrader, destination: deployer }),
};

const account = metadata.getMetadataEncoder().encode({
  program,
  authority: null,
  mutable: true,
  canonical: true,
  seed: "idl",
  ...stored,
  dataLength: 4,
  data: bytes("data"),
});
const hex = (data) => Buffer.from(data).toString("hex");
const plain = ({ accounts, data }) => ({
  data: hex(data),
  // A role's first bit says that it may change, its second that it signs.
  accounts: accounts.map(({ address, role }) => [address, (role & 2) !== 0, (role & 1) !== 0]),
});
const said = Object.entries(instructions).map(([name, one]) => [name, plain(one)]);
console.log(
  JSON.stringify(
    { idl, buffer, account: hex(account), instructions: Object.fromEntries(said) },
    null,
    1,
  ),
);
