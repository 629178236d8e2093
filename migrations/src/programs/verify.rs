//! The program that keeps what a program was built of, so that anybody can build it again and compare: what
//! `solana-verify` writes, and explorers read.

use solana_program::{
    hash::hash,
    instruction::{AccountMeta, Instruction},
    pubkey,
    pubkey::Pubkey,
};
use solana_system_interface::program::ID as SYSTEM_PROGRAM;

/// Its address, on mainnet and on devnet.
pub const VERIFY: Pubkey = pubkey!("verifycLy8mB96wd9wqq3WDXQwM4oU6r42Th37Db9fC");

/// The version of `solana-verify` whose parameters these are.
const VERSION: &str = "0.5.2";

/// What a program was built of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Where the repository can be cloned from.
    pub git_url: String,
    /// The commit, in hexadecimal.
    pub commit: String,
    /// What `solana-verify` is told besides.
    pub arguments: Vec<String>,
    /// The slot of the deployment that was built so.
    pub deployed_slot: u64,
}

impl Build {
    /// Where `authority` says it of `program`. Explorers believe the upgrade authority.
    pub fn address(authority: &Pubkey, program: &Pubkey) -> Pubkey {
        let seeds: [&[u8]; 3] = [b"otter_verify", authority.as_ref(), program.as_ref()];
        Pubkey::find_program_address(&seeds, &VERIFY).0
    }

    /// Says it for the first time, or instead of what was said. Signer: the authority, which pays the rent.
    pub fn instruction(&self, authority: &Pubkey, program: &Pubkey, is_first: bool) -> Instruction {
        let name = match is_first {
            true => "initialize",
            false => "update",
        };
        let mut data = discriminator(&format!("global:{name}"));
        self.append_to(&mut data);
        let accounts = vec![
            AccountMeta::new(Self::address(authority, program), false),
            AccountMeta::new(*authority, true),
            AccountMeta::new_readonly(*program, false),
            AccountMeta::new_readonly(SYSTEM_PROGRAM, false),
        ];
        Instruction::new_with_bytes(VERIFY, &data, accounts)
    }

    /// The account's content, but for the bump at its end.
    pub fn account(&self, authority: &Pubkey, program: &Pubkey) -> Vec<u8> {
        let mut data = discriminator("account:BuildParams");
        data.extend_from_slice(program.as_ref());
        data.extend_from_slice(authority.as_ref());
        self.append_to(&mut data);
        data.push(0);
        data
    }

    /// Whether an account says this, by whatever version of `solana-verify`.
    pub fn is_said_by(&self, data: &[u8]) -> bool {
        const BEFORE_VERSION: usize = 8 + 32 + 32;
        let said = data.get(BEFORE_VERSION..).and_then(|rest| {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            rest.get(length..)
        });
        let mut wanted = Vec::new();
        self.append_after_version(&mut wanted);
        said.is_some_and(|said| said.starts_with(&wanted))
    }

    fn append_to(&self, data: &mut Vec<u8>) {
        append(data, VERSION);
        self.append_after_version(data);
    }

    fn append_after_version(&self, data: &mut Vec<u8>) {
        append(data, &self.git_url);
        append(data, &self.commit);
        data.extend_from_slice(&length(self.arguments.len()));
        for argument in &self.arguments {
            append(data, argument);
        }
        data.extend_from_slice(&self.deployed_slot.to_le_bytes());
    }
}

/// As borsh has texts.
fn append(data: &mut Vec<u8>, text: &str) {
    data.extend_from_slice(&length(text.len()));
    data.extend_from_slice(text.as_bytes());
}

fn length(count: usize) -> [u8; 4] {
    u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes()
}

/// As Anchor has them: the first eight bytes of a name's hash.
fn discriminator(name: &str) -> Vec<u8> {
    let mut hash = hash(name.as_bytes()).to_bytes().to_vec();
    hash.truncate(8);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build() -> Build {
        Build {
            git_url: "https://git.example".into(),
            commit: "5ca1ab1e".into(),
            arguments: vec!["--library-name".into(), "deployments".into()],
            deployed_slot: 7,
        }
    }

    /// The first bytes are those that `solana-verify` 0.5.2 has as constants.
    #[test]
    fn instructions_begin_as_those_of_solana_verify() {
        let key = Pubkey::new_unique();
        for (is_first, begins) in [
            (true, [175, 175, 109, 31, 13, 152, 155, 237]),
            (false, [219, 200, 88, 176, 158, 63, 253, 127]),
        ] {
            let instruction = build().instruction(&key, &key, is_first);
            assert!(instruction.data.starts_with(&begins));
            assert!(instruction.data.ends_with(&7_u64.to_le_bytes()));
        }
    }

    #[test]
    fn what_is_said_is_recognised_whatever_version_said_it() {
        let key = Pubkey::new_unique();
        let said = build().account(&key, &key);
        assert!(build().is_said_by(&said));
        let mut by_another = said.clone();
        by_another[72] += 1;
        by_another.insert(76, b'1');
        assert!(build().is_said_by(&by_another));
        let later = Build {
            deployed_slot: 8,
            ..build()
        };
        assert!(!later.is_said_by(&said));
        for end in 0..said.len() - 1 {
            assert!(!build().is_said_by(&said[..end]));
        }
    }
}
