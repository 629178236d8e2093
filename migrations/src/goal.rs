//! What a cluster is to look like when all steps are done.

use crate::programs::metadata;
use nosana_deploy_client::PROGRAM_ID;
use nosana_jobs_interface::JOBS_PROGRAM;
use sha2::{Digest, Sha256};
use solana_program::{hash::Hash, pubkey::Pubkey};
use std::collections::BTreeSet;

/// Bytecode that is to be deployed.
#[derive(Clone, Debug)]
pub struct Bytecode {
    elf: Vec<u8>,
    hash: Hash,
}

/// Why bytecode is not this project's, or not this cluster's.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BytecodeError {
    /// No ELF at all.
    #[error("it is not an ELF: build it with `cargo xtask build-program`")]
    NotElf,
    /// It declares an address of its own, and that is a different one.
    #[error("it does not declare {program}: set `declare_id!` in programs/deployments/src/lib.rs, and build it anew")]
    OtherProgram {
        /// Where it was to be deployed.
        program: Pubkey,
    },
    /// It calls a different cluster's markets.
    #[error("it does not call the markets' program {JOBS_PROGRAM}: build it with `--features devnet` for devnet, and without for mainnet, and this tool alike")]
    OtherMarkets,
    /// Nobody could tell its authors of a vulnerability.
    #[error("it has no security.txt: build it from this repository")]
    NoSecurityText,
}

impl Bytecode {
    /// Bytecode for a program at `program`. What an ELF declares and calls stands in it as 32 bytes.
    ///
    /// # Errors
    /// [`BytecodeError`] if it declares another address, calls other markets or has no security.txt.
    pub fn new(elf: Vec<u8>, program: &Pubkey) -> Result<Self, BytecodeError> {
        const SECURITY_TEXT: &[u8] = b"=======BEGIN SECURITY.TXT V1=======\0";
        let has = |part: &[u8]| elf.windows(part.len()).any(|window| window == part);
        if !elf.starts_with(b"\x7fELF") {
            return Err(BytecodeError::NotElf);
        }
        if !has(program.as_ref()) {
            let program = *program;
            return Err(BytecodeError::OtherProgram { program });
        }
        if !has(JOBS_PROGRAM.as_ref()) {
            return Err(BytecodeError::OtherMarkets);
        }
        if !has(SECURITY_TEXT) {
            return Err(BytecodeError::NoSecurityText);
        }
        let hash = executable_hash(&elf);
        Ok(Self { elf, hash })
    }

    /// The ELF.
    pub fn elf(&self) -> &[u8] {
        &self.elf
    }

    /// Its hash, as `solana-verify` prints it in hexadecimal.
    pub fn hash(&self) -> Hash {
        self.hash
    }
}

/// SHA-256 of an ELF without the zeros at its end, which deployed bytecode may be padded with: what
/// `solana-verify get-executable-hash` prints.
pub fn executable_hash(elf: &[u8]) -> Hash {
    let end = elf.iter().rposition(|byte| *byte != 0);
    let used = elf.get(..=end.unwrap_or(0)).unwrap_or_default();
    Hash::new_from_array(Sha256::digest(used).into())
}

/// A hash in hexadecimal.
pub fn hex(hash: &Hash) -> String {
    let digits = hash.as_ref().iter();
    digits.map(|byte| format!("{byte:02x}")).collect()
}

/// Who is to be able to upgrade the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// An address that is known to have a key.
    Key(Pubkey),
    /// A vault of a Squads multisig.
    Squads {
        /// The multisig's account.
        multisig: Pubkey,
        /// The vault, which signs.
        vault: Pubkey,
    },
}

impl Authority {
    /// The address that signs.
    pub fn address(&self) -> Pubkey {
        match self {
            Self::Key(address) | Self::Squads { vault: address, .. } => *address,
        }
    }
}

/// Where the deployed bytecode can be built again from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where the repository can be cloned from.
    pub git_url: String,
    /// The commit, in hexadecimal.
    pub commit: String,
}

/// The goal of all steps.
#[derive(Clone, Debug)]
pub struct Goal {
    /// The program's address.
    pub program: Pubkey,
    /// Who pays, and owns what is being uploaded.
    pub deployer: Pubkey,
    /// Whose signatures are at hand, the deployer's among them.
    pub keys: BTreeSet<Pubkey>,
    /// What the program is to run.
    pub bytecode: Bytecode,
    /// The IDL, as JSON.
    pub idl: metadata::Document,
    /// Who is to be able to upgrade it; `None` leaves that as it is.
    pub authority: Option<Authority>,
    /// Markets whose keepers get a lookup table.
    pub markets: Vec<Pubkey>,
    /// What the bytecode was built of.
    pub source: Option<Source>,
    /// Priority fee in micro-lamports per compute unit.
    pub unit_price_micro_lamports: Option<u64>,
}

impl Goal {
    /// The account of the program's bytecode.
    pub fn program_data(&self) -> Pubkey {
        solana_loader_v3_interface::get_program_data_address(&self.program)
    }

    /// Where the bytecode is written before it is deployed, and the seed of that address. The deployer and the
    /// bytecode alone decide it, so whoever goes on after an interruption finds it again.
    pub fn buffer(&self) -> (Pubkey, String) {
        let mut seed = hex(&self.bytecode.hash);
        seed.truncate(solana_program::pubkey::MAX_SEED_LEN);
        // The one possible failure is a seed that is too long.
        let key = Pubkey::create_with_seed(&self.deployer, &seed, &crate::programs::loader::LOADER);
        (key.unwrap_or_default(), seed)
    }

    /// Instructions for its IDL; `program_data` is [`Self::program_data`].
    pub fn idl_of<'a>(&'a self, program_data: &'a Pubkey) -> metadata::Idl<'a> {
        metadata::Idl {
            program: &self.program,
            program_data,
        }
    }

    /// Whether this is the address that the repository declares.
    pub fn is_declared(&self) -> bool {
        self.program == PROGRAM_ID
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(parts: &[&[u8]]) -> Vec<u8> {
        [b"\x7fELF", &parts.concat()[..]].concat()
    }

    #[test]
    fn bytecode_of_another_program_or_cluster_is_refused() {
        let text = b"=======BEGIN SECURITY.TXT V1=======\0";
        let program = Pubkey::new_unique();
        let whole = elf(&[program.as_ref(), JOBS_PROGRAM.as_ref(), text]);
        assert!(Bytecode::new(whole.clone(), &program).is_ok());
        let other = Pubkey::new_unique();
        for (elf, program, error) in [
            (b"text".to_vec(), program, BytecodeError::NotElf),
            (whole, other, BytecodeError::OtherProgram { program: other }),
            (
                elf(&[program.as_ref(), text]),
                program,
                BytecodeError::OtherMarkets,
            ),
            (
                elf(&[program.as_ref(), JOBS_PROGRAM.as_ref()]),
                program,
                BytecodeError::NoSecurityText,
            ),
        ] {
            assert_eq!(Bytecode::new(elf, &program).unwrap_err(), error);
        }
    }

    /// `printf 'abc\0\0' | sha256sum` would say another one: the zeros at the end do not count.
    #[test]
    fn the_executable_hash_is_that_of_solana_verify() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(&executable_hash(b"abc")), abc);
        assert_eq!(hex(&executable_hash(b"abc\0\0")), abc);
    }

    /// docs/toolchains.md is of the bytecode that the repository has.
    #[test]
    fn the_page_of_toolchains_names_the_bytecode_at_hand() {
        let elf = include_bytes!("../../client/testkit/elf/deployments.so");
        let page = include_str!("../../docs/toolchains.md");
        let hash = hex(&executable_hash(elf));
        assert!(page.contains(&hash), "`cargo xtask toolchains` writes it");
    }
}
