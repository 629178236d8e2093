//! The programs' bytecode.

use nosana_deploy_client::PROGRAM_ID;
use nosana_jobs_interface::JOBS_PROGRAM;
#[cfg(feature = "program-test")]
use solana_account::Account;
use solana_program::pubkey::Pubkey;
#[cfg(feature = "program-test")]
use solana_program::{bpf_loader, rent::Rent};
use std::{borrow::Cow, env, fs, path::Path};

/// The bytecode of both programs.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The deployments program.
    pub deployments: Cow<'static, [u8]>,
    /// The stand-in for the markets' program.
    pub jobs: Cow<'static, [u8]>,
}

impl Programs {
    /// What is in this crate; or, if `SBF_OUT_DIR` names a folder that has it, what was built there.
    pub fn load() -> Self {
        let deployments = include_bytes!("../elf/deployments.so");
        let jobs = include_bytes!("../elf/nosana_jobs_localnet.so");
        Self {
            deployments: built("deployments.so").unwrap_or(Cow::Borrowed(deployments)),
            jobs: built("nosana_jobs_localnet.so").unwrap_or(Cow::Borrowed(jobs)),
        }
    }

    /// Each program's address and bytecode.
    pub fn each(&self) -> [(Pubkey, &[u8]); 2] {
        [
            (PROGRAM_ID, self.deployments.as_ref()),
            (JOBS_PROGRAM, self.jobs.as_ref()),
        ]
    }

    /// Puts both programs into a bank that is being prepared.
    #[cfg(feature = "program-test")]
    pub fn add_to(&self, test: &mut solana_program_test::ProgramTest) {
        for (program, elf) in self.each() {
            test.add_account(program, program_account(elf));
        }
    }
}

#[cfg(feature = "program-test")]
/// A program's account, as a cluster has one that cannot be upgraded.
pub(crate) fn program_account(elf: &[u8]) -> Account {
    Account {
        lamports: Rent::default().minimum_balance(elf.len()),
        data: elf.to_vec(),
        owner: bpf_loader::ID,
        executable: true,
        rent_epoch: u64::MAX,
    }
}

fn built(name: &str) -> Option<Cow<'static, [u8]>> {
    let folder = env::var_os("SBF_OUT_DIR")?;
    fs::read(Path::new(&folder).join(name)).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    /// Keys and values alternate between the two marks, each ended by a zero.
    #[test]
    fn the_bytecode_says_whom_to_tell_of_a_vulnerability() {
        let elf = include_bytes!("../elf/deployments.so");
        let text = String::from_utf8_lossy(elf);
        let (_, text) = text
            .split_once("=======BEGIN SECURITY.TXT V1=======\0")
            .unwrap();
        let (text, _) = text
            .split_once("=======END SECURITY.TXT V1=======\0")
            .unwrap();
        let fields: Vec<&str> = text.split_terminator('\0').collect();
        let keys: Vec<&str> = fields.iter().step_by(2).copied().collect();
        let required = ["name", "project_url", "contacts", "policy"];
        assert!(required.iter().all(|key| keys.contains(key)), "{keys:?}");
        assert!(fields.iter().all(|field| !field.is_empty()), "{fields:?}");
    }
}
