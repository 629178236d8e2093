//! A builder for every instruction: the accounts by name, in the order that the program expects.
//!
//! Accounts that follow from others or never change are filled in: the rewards accounts, the programs,
//! and with [`market_vault_address`](crate::market_vault_address) and
//! [`nos_account_address`](crate::nos_account_address) a caller finds the rest.

use crate::{
    account::Discriminator, Address, JOBS_PROGRAM, NOS_MINT, REWARDS_PROGRAM, REWARDS_REFLECTION,
    REWARDS_VAULT, SYSTEM_PROGRAM, TOKEN_PROGRAM,
};
use alloc::{vec, vec::Vec};
use solana_instruction::{AccountMeta, Instruction};

fn readonly(key: &Address) -> AccountMeta {
    AccountMeta::new_readonly(*key, false)
}

fn readonly_signer(key: &Address) -> AccountMeta {
    AccountMeta::new_readonly(*key, true)
}

fn writable(key: &Address) -> AccountMeta {
    AccountMeta::new(*key, false)
}

fn writable_signer(key: &Address) -> AccountMeta {
    AccountMeta::new(*key, true)
}

fn build(
    discriminator: Discriminator,
    arguments: &[&[u8]],
    accounts: Vec<AccountMeta>,
) -> Instruction {
    let mut data = Vec::with_capacity(64);
    data.extend_from_slice(&discriminator);
    for argument in arguments {
        data.extend_from_slice(argument);
    }
    Instruction {
        program_id: JOBS_PROGRAM,
        accounts,
        data,
    }
}

/// An instruction: its discriminator, the accounts that a caller names, its arguments as bytes, and all
/// accounts in order. An account that is named twice plays two parts.
macro_rules! instruction {
    (
        $(#[$doc:meta])*
        $name:ident = $discriminator:expr;
        { $($(#[$account_doc:meta])* $account:ident),* $(,)? }
        $(#[$build_doc:meta])*
        ($($argument:ident: $kind:ty => $bytes:expr),*)
        [$($access:ident $key:ident),* $(,)?]
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<'a> {
            $($(#[$account_doc])* pub $account: &'a Address,)*
        }

        impl $name<'_> {
            /// The first eight bytes of `sha256("global:<name>")`.
            pub const DISCRIMINATOR: Discriminator = $discriminator;

            /// The instruction.
            $(#[$build_doc])*
            pub fn instruction(&self, $($argument: $kind),*) -> Instruction {
                let Self { $($account),* } = self;
                build(Self::DISCRIMINATOR, &[$($bytes),*], vec![$(instruction!(@ $access $key)),*])
            }
        }
    };
    (@ $access:ident NOS_MINT) => { $access(&NOS_MINT) };
    (@ $access:ident REWARDS_PROGRAM) => { $access(&REWARDS_PROGRAM) };
    (@ $access:ident REWARDS_REFLECTION) => { $access(&REWARDS_REFLECTION) };
    (@ $access:ident REWARDS_VAULT) => { $access(&REWARDS_VAULT) };
    (@ $access:ident SYSTEM_PROGRAM) => { $access(&SYSTEM_PROGRAM) };
    (@ $access:ident TOKEN_PROGRAM) => { $access(&TOKEN_PROGRAM) };
    (@ $access:ident UNUSED) => { $access(&Address::default()) };
    (@ $access:ident $key:ident) => { $access($key) };
}

// ── those who list jobs ──

instruction! {
    /// `list`: creates a job, deposits the market's price × timeout, and queues the job or gives it to
    /// the first waiting node. Signers: job, run, payer, authority; all may be PDAs of the caller.
    List = [0x36, 0xae, 0xc1, 0x43, 0x11, 0x29, 0x84, 0x26];
    {
        /// New; its rent is the payer's.
        job,
        /// The market.
        market,
        /// New; created only if a node is waiting. Must hold no lamports.
        run,
        /// The payer's NOS account.
        user,
        /// The market's vault.
        vault,
        /// Pays rents and the deposit; a system account without data.
        payer,
        /// Becomes the job's project.
        authority,
    }
    ///
    /// `ipfs_job` is the sha2-256 digest of the job definition. With a negative timeout, or one whose
    /// deposit overflows, the program aborts unless the price is zero.
    (ipfs_job: &[u8; 32] => ipfs_job, timeout_seconds: i64 => &timeout_seconds.to_le_bytes())
    [
        writable_signer job, writable market, writable_signer run, writable user, writable vault,
        writable_signer payer, writable REWARDS_REFLECTION, writable REWARDS_VAULT,
        readonly_signer authority, readonly REWARDS_PROGRAM, readonly TOKEN_PROGRAM,
        readonly SYSTEM_PROGRAM,
    ]
}

impl List<'_> {
    /// Where the job is among the accounts, for callers that list many with one instruction.
    pub const JOB_POSITION: usize = 0;
    /// Where the run is among the accounts.
    pub const RUN_POSITION: usize = 2;
}

instruction! {
    /// `extend`: raises a queued or running job's timeout and deposits the difference at the job's
    /// price. Signers: authority, payer.
    Extend = [0xe4, 0x7f, 0x00, 0x01, 0xe3, 0x9a, 0x36, 0xa8];
    {
        /// The job.
        job,
        /// Its market.
        market,
        /// The payer's NOS account.
        user,
        /// The market's vault.
        vault,
        /// The job's project.
        authority,
        /// The job's payer.
        payer,
    }
    ///
    /// The timeout counts from the job's start and must grow.
    (timeout_seconds: i64 => &timeout_seconds.to_le_bytes())
    [
        writable job, readonly market, writable user, writable vault, writable REWARDS_REFLECTION,
        writable REWARDS_VAULT, readonly_signer authority, readonly_signer payer,
        readonly REWARDS_PROGRAM, readonly TOKEN_PROGRAM,
    ]
}

instruction! {
    /// `delist`: takes a queued job off the market, returns its deposit and closes it. Signer:
    /// authority.
    Delist = [0x37, 0x88, 0xcd, 0x6b, 0x6b, 0xad, 0x04, 0x1f];
    {
        /// The job.
        job,
        /// Its market.
        market,
        /// The payer's NOS account, where the deposit goes.
        deposit,
        /// The job's payer, who gets the rent.
        payer,
        /// The market's vault.
        vault,
        /// The job's project.
        authority,
    }
    ()
    [
        writable job, writable market, writable deposit, writable payer, writable vault,
        readonly TOKEN_PROGRAM, writable_signer authority,
    ]
}

instruction! {
    /// `end`: ends a running job. The node is paid for its time, the rest of the deposit returns, the
    /// run closes. Signer: authority.
    End = [0xb4, 0xa0, 0xf9, 0xd9, 0xc2, 0x79, 0x46, 0x10];
    {
        /// The job.
        job,
        /// Its market.
        market,
        /// The job's run.
        run,
        /// The job payer's NOS account, where the rest goes.
        deposit,
        /// The node's NOS account.
        user,
        /// The market's vault.
        vault,
        /// The run's payer, who gets its rent.
        payer,
        /// The job's project.
        authority,
    }
    ()
    [
        writable job, readonly market, writable run, writable deposit, writable user, writable vault,
        writable payer, writable_signer authority, readonly TOKEN_PROGRAM,
    ]
}

instruction! {
    /// `recover`: pays out the whole deposit of a job that its node quit, and closes the job. Signer:
    /// authority.
    Recover = [0x6c, 0xd8, 0x26, 0x3a, 0x6d, 0x92, 0x74, 0x11];
    {
        /// The job.
        job,
        /// Its market.
        market,
        /// The market's vault.
        vault,
        /// Where the deposit goes. The program does not constrain it: pin it.
        user,
        /// The job's payer, who gets the rent.
        payer,
        /// The job's project.
        authority,
    }
    ()
    [
        writable job, readonly market, writable vault, writable user, writable payer,
        readonly_signer authority, readonly TOKEN_PROGRAM,
    ]
}

// ── nodes; a real one also names its stake and its access NFT, which localnet does not check ──

instruction! {
    /// `work`: the node takes the first waiting job, or queues. Signers: node, run.
    Work = [0x0f, 0x43, 0x2d, 0xc3, 0xd7, 0x89, 0xe5, 0x2f];
    {
        /// The node's wallet; pays for the run.
        node,
        /// New; created only if a job is waiting.
        run,
        /// The market.
        market,
    }
    ()
    [
        writable_signer run, writable market, writable_signer node, readonly UNUSED, readonly UNUSED,
        readonly UNUSED, readonly_signer node, readonly SYSTEM_PROGRAM,
    ]
}

instruction! {
    /// `claim`: the node opens a run on a job that a node quit; the job's state stays. Signers: node,
    /// run.
    Claim = [0x3e, 0xc6, 0xd6, 0xc1, 0xd5, 0x9f, 0x6c, 0xd2];
    {
        /// The node's wallet; pays for the run.
        node,
        /// The job.
        job,
        /// New.
        run,
        /// The job's market.
        market,
    }
    ()
    [
        writable job, writable_signer run, readonly market, readonly UNUSED, readonly UNUSED,
        readonly UNUSED, writable_signer node, readonly_signer node, readonly SYSTEM_PROGRAM,
    ]
}

instruction! {
    /// `finish`: the node finishes its job and is paid for its time. Signer: node.
    Finish = [0x43, 0x4a, 0xaa, 0x84, 0x7d, 0xe9, 0xb6, 0x25];
    {
        /// The node's wallet.
        node,
        /// The job.
        job,
        /// Its run.
        run,
        /// The job's market.
        market,
        /// The market's vault.
        vault,
        /// The job payer's NOS account, where the rest goes.
        deposit,
        /// The node's NOS account.
        user,
        /// Gets the run's rent.
        payer_run,
        /// The job's payer.
        payer_job,
    }
    ///
    /// `ipfs_result` is the sha2-256 digest of the result, not null.
    (ipfs_result: &[u8; 32] => ipfs_result)
    [
        writable job, writable run, readonly market, writable vault, writable deposit, writable user,
        writable payer_run, writable payer_job, readonly_signer node, readonly TOKEN_PROGRAM,
    ]
}

instruction! {
    /// `quit`: the node gives its job up; the run closes, the deposit waits for `recover`. Signer: node.
    Quit = [0xbf, 0x67, 0x8d, 0xf0, 0x50, 0x81, 0x67, 0x99];
    {
        /// The node's wallet.
        node,
        /// The job.
        job,
        /// Its run.
        run,
        /// Gets the run's rent.
        payer,
    }
    ()
    [writable job, writable run, writable payer, readonly_signer node]
}

instruction! {
    /// `complete`: the node posts the result of a job that was ended. Signer: node.
    Complete = [0x00, 0x4d, 0xe0, 0x93, 0x88, 0x19, 0x58, 0x4c];
    {
        /// The node that ran the job.
        node,
        /// The job.
        job,
    }
    ///
    /// `ipfs_result` is the sha2-256 digest of the result.
    (ipfs_result: &[u8; 32] => ipfs_result)
    [writable job, readonly_signer node]
}

instruction! {
    /// `stop`: the node leaves the market's queue. Signer: node.
    Stop = [0x2a, 0x85, 0x20, 0x3c, 0xab, 0xfd, 0xb8, 0x9b];
    {
        /// The node's wallet.
        node,
        /// The market.
        market,
    }
    ()
    [writable market, readonly_signer node]
}

// ── anyone ──

instruction! {
    /// `clean`: closes a done job whose time has expired; its rent returns to its payer. No signer.
    Clean = [0xfa, 0xbf, 0x38, 0x80, 0x96, 0xfb, 0x01, 0x67];
    {
        /// The job.
        job,
        /// Any market whose `job_expiration` has passed for the job: it need not be the job's own.
        market,
        /// The job's payer.
        payer,
    }
    ()
    [writable job, readonly market, writable payer]
}

// ── market authorities ──

/// What a market's authority sets with `open` and `update`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketTerms {
    /// Seconds after its end until anyone may clean a job.
    pub job_expiration_seconds: i64,
    /// NOS base units per second of a job's timeout.
    pub price_per_second: u64,
    /// What the market suggests, seconds; not enforced.
    pub job_timeout_seconds: i64,
    /// Kind of jobs; 255 queues nothing.
    pub job_type: u8,
    /// Least stake of a node.
    pub node_xnos_minimum: u128,
}

impl MarketTerms {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&self.job_expiration_seconds.to_le_bytes());
        bytes.extend_from_slice(&self.price_per_second.to_le_bytes());
        bytes.extend_from_slice(&self.job_timeout_seconds.to_le_bytes());
        bytes.push(self.job_type);
        bytes.extend_from_slice(&self.node_xnos_minimum.to_le_bytes());
        bytes
    }
}

instruction! {
    /// `open`: creates a market. Signers: market, authority, who pays.
    Open = [0xe4, 0xdc, 0x9b, 0x47, 0xc7, 0xbd, 0x3c, 0x2d];
    {
        /// New.
        market,
        /// New: the market's vault.
        vault,
        /// May change, and close, the market.
        authority,
        /// Collection of the NFT that a node needs; the default address for none.
        access_key,
    }
    (terms: &MarketTerms => &terms.bytes())
    [
        readonly NOS_MINT, writable_signer market, writable vault, writable_signer authority,
        readonly_signer authority, readonly access_key, readonly SYSTEM_PROGRAM,
        readonly TOKEN_PROGRAM,
    ]
}

instruction! {
    /// `update`: changes a market's terms, at any time. Signer: authority.
    Update = [0xdb, 0xc8, 0x58, 0xb0, 0x9e, 0x3f, 0xfd, 0x7f];
    {
        /// The market.
        market,
        /// Collection of the NFT that a node needs; the default address for none.
        access_key,
        /// The market's authority.
        authority,
    }
    (terms: &MarketTerms => &terms.bytes())
    [writable market, readonly access_key, readonly_signer authority]
}

instruction! {
    /// `close`: closes a market and sweeps every deposit in its vault. Signer: authority.
    Close = [0x62, 0xa5, 0xc9, 0xb1, 0x6c, 0x41, 0xce, 0x60];
    {
        /// The market.
        market,
        /// Its vault.
        vault,
        /// The NOS account that gets the deposits.
        user,
        /// The market's authority, who gets its rent.
        authority,
    }
    ()
    [writable market, writable vault, writable user, writable_signer authority, readonly TOKEN_PROGRAM]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Job, Market, Run};
    use alloc::{format, string::String};
    use sha2::{Digest, Sha256};

    #[test]
    fn discriminators_are_hashes_of_their_names() {
        let hash = |name: String| Sha256::digest(name.as_bytes());
        for (name, discriminator) in [
            ("list", List::DISCRIMINATOR),
            ("extend", Extend::DISCRIMINATOR),
            ("delist", Delist::DISCRIMINATOR),
            ("end", End::DISCRIMINATOR),
            ("recover", Recover::DISCRIMINATOR),
            ("work", Work::DISCRIMINATOR),
            ("claim", Claim::DISCRIMINATOR),
            ("finish", Finish::DISCRIMINATOR),
            ("quit", Quit::DISCRIMINATOR),
            ("complete", Complete::DISCRIMINATOR),
            ("stop", Stop::DISCRIMINATOR),
            ("clean", Clean::DISCRIMINATOR),
            ("open", Open::DISCRIMINATOR),
            ("update", Update::DISCRIMINATOR),
            ("close", Close::DISCRIMINATOR),
        ] {
            let hash = hash(format!("global:{name}"));
            assert!(hash.starts_with(&discriminator), "{name}");
        }
        for (name, discriminator) in [
            ("MarketAccount", Market::DISCRIMINATOR),
            ("JobAccount", Job::DISCRIMINATOR),
            ("RunAccount", Run::DISCRIMINATOR),
        ] {
            let hash = hash(format!("account:{name}"));
            assert!(hash.starts_with(&discriminator), "{name}");
        }
    }
}
