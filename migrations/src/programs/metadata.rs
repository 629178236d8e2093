//! The Program Metadata program, where Anchor, explorers and wallets look for a program's IDL: addresses,
//! accounts and the instructions that publish one. Layouts as in its client of npm, version 0.7.

use flate2::{read::ZlibDecoder, write::ZlibEncoder, Compression};
use sha2::{Digest, Sha256};
use solana_program::{
    instruction::{AccountMeta, Instruction},
    pubkey,
    pubkey::Pubkey,
    sysvar,
};
use solana_system_interface::program::ID as SYSTEM_PROGRAM;
use std::io::{Read, Write};

/// Its address, on mainnet and on devnet.
pub const METADATA: Pubkey = pubkey!("ProgM6JCCvbYkfKqJYHePx4xxSUSqJp7rh8Lyv7nk7S");

/// Bytes before the data of a buffer and of a metadata account.
pub const HEADER: usize = 96;
/// An instruction lets an account grow by so many bytes at most.
pub const MOST_GROWTH: usize = 10_240;
/// More than any IDL has, unpacked.
const MOST_UNPACKED: u64 = 16_000_000;

/// The seed of a program's IDL.
const IDL: Seed = *b"idl\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// What tells a program's metadata accounts apart.
pub type Seed = [u8; 16];

/// Instructions, by the first byte of their data.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    Write = 0,
    Initialize = 1,
    SetAuthority = 2,
    SetData = 3,
    Trim = 5,
    Close = 6,
    Allocate = 7,
    Extend = 8,
}

/// UTF-8, packed by zlib, JSON, in the account itself.
const STORED_AS: [u8; 4] = [1, 2, 1, 0];

/// What a metadata account holds, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Data that is being uploaded, and who may write it.
    Buffer(Pubkey, Vec<u8>),
    /// Published data, whether it can be replaced, and how it is stored.
    Metadata {
        /// Whether its authority may replace it.
        is_mutable: bool,
        /// Encoding, packing, format and place.
        stored_as: [u8; 4],
        /// As it is stored.
        data: Vec<u8>,
    },
}

/// Reads an account's content; `None` if it is neither.
pub fn read(data: &[u8]) -> Option<Stored> {
    let (header, rest) = data.split_first_chunk::<HEADER>()?;
    let authority = header.get(33..65)?;
    match header.first()? {
        1 => Some(Stored::Buffer(authority.try_into().ok()?, rest.to_vec())),
        2 => {
            let length = u32::from_le_bytes(header.get(87..91)?.try_into().ok()?);
            Some(Stored::Metadata {
                is_mutable: header.get(65)? == &1,
                stored_as: header.get(83..87)?.try_into().ok()?,
                data: rest.get(..usize::try_from(length).ok()?)?.to_vec(),
            })
        }
        _ => None,
    }
}

impl Stored {
    /// Whether it is published, and unpacks to this text.
    pub fn says(&self, text: &[u8]) -> bool {
        let Self::Metadata {
            stored_as, data, ..
        } = self
        else {
            return false;
        };
        let mut unpacked = Vec::new();
        let read = ZlibDecoder::new(&data[..]).take(MOST_UNPACKED);
        *stored_as == STORED_AS && { read }.read_to_end(&mut unpacked).is_ok() && unpacked == text
    }
}

/// A text, and what is stored of it: packed once, however often a plan is made.
#[derive(Clone, Debug)]
pub struct Document {
    text: Vec<u8>,
    packed: Vec<u8>,
    hash: [u8; 32],
}

impl Document {
    /// Of a text.
    pub fn new(text: Vec<u8>) -> Self {
        let packed = packed(&text);
        let hash = Sha256::digest(&packed).into();
        Self { text, packed, hash }
    }

    /// The text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// As it is stored.
    pub fn packed(&self) -> &[u8] {
        &self.packed
    }

    /// SHA-256 of what is stored.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }
}

/// A text as it is stored.
pub fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail.
    let written = encoder.write_all(text).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

/// A buffer's content.
pub fn buffer_account(authority: &Pubkey, data: &[u8]) -> Vec<u8> {
    let mut account = vec![0; HEADER];
    if let Some(kind) = account.first_mut() {
        *kind = 1;
    }
    if let Some(place) = account.get_mut(33..65) {
        place.copy_from_slice(authority.as_ref());
    }
    account.extend_from_slice(data);
    account
}

/// Instructions for the IDL of one program.
#[derive(Clone, Copy, Debug)]
pub struct Idl<'a> {
    /// The program that it describes.
    pub program: &'a Pubkey,
    /// The program's account of bytecode, which says who its upgrade authority is.
    pub program_data: &'a Pubkey,
}

impl Idl<'_> {
    /// Where it is published: at the one address that the program's upgrade authority may write to.
    pub fn address(&self) -> Pubkey {
        Pubkey::find_program_address(&[self.program.as_ref(), &IDL], &METADATA).0
    }

    /// Where `uploader` collects data of this hash before it is published.
    pub fn buffer(&self, uploader: &Pubkey, hash: &[u8; 32]) -> (Pubkey, Seed) {
        let mut of_data = IDL;
        for (place, byte) in of_data.iter_mut().skip(3).zip(hash) {
            *place = *byte;
        }
        let seeds: [&[u8]; 3] = [self.program.as_ref(), uploader.as_ref(), &of_data];
        (Pubkey::find_program_address(&seeds, &METADATA).0, of_data)
    }

    /// Makes the uploader's buffer, whose rent must be there already.
    pub fn allocate_buffer(&self, buffer: &Pubkey, uploader: &Pubkey, seed: &Seed) -> Instruction {
        let accounts = [
            AccountMeta::new(*buffer, false),
            AccountMeta::new_readonly(*uploader, true),
            AccountMeta::new_readonly(*self.program, false),
            absent(),
            AccountMeta::new_readonly(SYSTEM_PROGRAM, false),
        ];
        instruction(Kind::Allocate, seed, accounts)
    }

    /// Makes the published account, as a buffer to be filled.
    pub fn allocate(&self, authority: &Pubkey) -> Instruction {
        let [account, authority, program, data] = self.published(authority);
        let system = AccountMeta::new_readonly(SYSTEM_PROGRAM, false);
        instruction(
            Kind::Allocate,
            &IDL,
            [account, authority, program, data, system],
        )
    }

    /// Copies a buffer into the published account while that is still one itself.
    pub fn fill(&self, authority: &Pubkey, buffer: &Pubkey) -> Instruction {
        let accounts = [
            AccountMeta::new(self.address(), false),
            AccountMeta::new_readonly(*authority, true),
            AccountMeta::new_readonly(*buffer, false),
        ];
        instruction(Kind::Write, &0_u32.to_le_bytes(), accounts)
    }

    /// Publishes what was filled in.
    pub fn initialize(&self, authority: &Pubkey) -> Instruction {
        let [account, authority, program, data] = self.published(authority);
        let accounts = [account, authority, program, data, absent()];
        instruction(Kind::Initialize, &[&IDL[..], &STORED_AS].concat(), accounts)
    }

    /// Replaces what is published by a buffer's data.
    pub fn set_data(&self, authority: &Pubkey, buffer: &Pubkey) -> Instruction {
        let [account, authority, program, data] = self.published(authority);
        let buffer = AccountMeta::new(*buffer, false);
        let accounts = [account, authority, buffer, program, data];
        instruction(Kind::SetData, &STORED_AS, accounts)
    }

    /// Returns lamports that shorter data no longer need.
    pub fn trim(&self, authority: &Pubkey, to: &Pubkey) -> Instruction {
        let [account, authority, program, data] = self.published(authority);
        let to = AccountMeta::new(*to, false);
        let rent = AccountMeta::new_readonly(sysvar::rent::ID, false);
        instruction(
            Kind::Trim,
            &[],
            [account, authority, program, data, to, rent],
        )
    }

    /// Gives the published account room for so many bytes more.
    pub fn extend(&self, authority: &Pubkey, bytes: usize) -> Vec<Instruction> {
        extend(self.published(authority), bytes)
    }

    fn published(&self, authority: &Pubkey) -> [AccountMeta; 4] {
        [
            AccountMeta::new(self.address(), false),
            AccountMeta::new_readonly(*authority, true),
            AccountMeta::new_readonly(*self.program, false),
            AccountMeta::new_readonly(*self.program_data, false),
        ]
    }
}

/// Gives a buffer room for so many bytes more.
pub fn extend_buffer(buffer: &Pubkey, authority: &Pubkey, bytes: usize) -> Vec<Instruction> {
    extend(of_buffer(buffer, authority), bytes)
}

/// Writes into a buffer.
pub fn write(buffer: &Pubkey, authority: &Pubkey, offset: u32, bytes: &[u8]) -> Instruction {
    let [buffer, authority, ..] = of_buffer(buffer, authority);
    let data = [&offset.to_le_bytes(), bytes].concat();
    instruction(Kind::Write, &data, [buffer, authority, absent()])
}

/// Hands a buffer over.
pub fn set_authority(buffer: &Pubkey, authority: &Pubkey, to: &Pubkey) -> Instruction {
    let data = [&[1], to.as_ref()].concat();
    instruction(Kind::SetAuthority, &data, of_buffer(buffer, authority))
}

/// Closes a buffer; its lamports go to `to`.
pub fn close(buffer: &Pubkey, authority: &Pubkey, to: &Pubkey) -> Instruction {
    let [buffer, authority, program, data] = of_buffer(buffer, authority);
    let to = AccountMeta::new(*to, false);
    instruction(Kind::Close, &[], [buffer, authority, program, data, to])
}

fn extend(accounts: [AccountMeta; 4], bytes: usize) -> Vec<Instruction> {
    let mut left = bytes;
    let mut instructions = Vec::new();
    while left > 0 {
        let part = left.min(MOST_GROWTH);
        let length = u16::try_from(part).unwrap_or(u16::MAX).to_le_bytes();
        instructions.push(instruction(Kind::Extend, &length, accounts.clone()));
        left -= part;
    }
    instructions
}

fn of_buffer(buffer: &Pubkey, authority: &Pubkey) -> [AccountMeta; 4] {
    [
        AccountMeta::new(*buffer, false),
        AccountMeta::new_readonly(*authority, true),
        absent(),
        absent(),
    ]
}

/// The program itself stands for an account that is left out.
fn absent() -> AccountMeta {
    AccountMeta::new_readonly(METADATA, false)
}

fn instruction<const N: usize>(
    kind: Kind,
    arguments: &[u8],
    accounts: [AccountMeta; N],
) -> Instruction {
    let data = [&[kind as u8], arguments].concat();
    Instruction::new_with_bytes(METADATA, &data, accounts.into())
}
