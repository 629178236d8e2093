//! From accounts, wherever they were read, to the [`Snapshot`] that decides what is due.

use crate::{
    accounts::{DecodeError, DeploymentAccount},
    keeper::plan::{ObservedJob, Snapshot},
    markets::{decode_job, decode_market, decode_run, is_queued, JobState, Run},
    seeds,
};
use anchor_lang::solana_program::program_pack::Pack;
use anchor_spl::token::{self, spl_token::state::Account as TokenAccount};
use deployments_domain::{
    funding::{Funds, Rents},
    lifecycle::Market,
};
use nosana_jobs_interface::{market_vault_address, NOS_MINT};
use solana_program::pubkey::Pubkey;
use std::collections::HashMap;

/// An account, as somebody read it.
#[derive(Clone, Copy, Debug)]
pub struct AccountView<'a> {
    /// The program that owns it.
    pub owner: &'a Pubkey,
    /// Its balance.
    pub lamports: u64,
    /// Its data.
    pub data: &'a [u8],
}

#[cfg(feature = "rpc")]
impl<'a> From<&'a solana_account::Account> for AccountView<'a> {
    fn from(account: &'a solana_account::Account) -> Self {
        Self {
            owner: &account.owner,
            lamports: account.lamports,
            data: &account.data,
        }
    }
}

/// Where accounts can be looked up.
pub trait Accounts {
    /// The account at an address, if there is one.
    fn get(&self, key: &Pubkey) -> Option<AccountView<'_>>;
}

/// Runs by the job that they run.
pub type Runs = HashMap<Pubkey, Run>;
/// Addresses of runs, by the job that they run.
pub type RunAddresses = HashMap<Pubkey, Pubkey>;

/// What a deployment's snapshot is made of, besides the runs of nodes that took a job later: those
/// have addresses of the nodes' choice.
pub fn addresses(deployment: &DeploymentAccount) -> Vec<Pubkey> {
    let header = &deployment.header;
    let mut keys = vec![
        deployment.address,
        header.market,
        market_vault_address(&header.market),
        header.vault,
        header.vault_nos,
    ];
    for slot in &deployment.jobs {
        keys.push(deployment.job_address(slot.index));
        keys.push(seeds::run_address(&deployment.address, slot.index).0);
    }
    keys
}

impl Snapshot {
    /// What is known of a deployment.
    ///
    /// # Errors
    /// [`DecodeError`] if a job's account holds what the markets' program never writes.
    pub fn observe(
        deployment: DeploymentAccount,
        accounts: &impl Accounts,
        runs: &Runs,
        (rents, now): (Rents, i64),
    ) -> Result<Self, DecodeError> {
        let header = &deployment.header;
        let market = accounts.get(&header.market);
        let seen = market.and_then(|account| decode_market(account.owner, account.data).ok());
        let mut jobs = Vec::with_capacity(deployment.jobs.len());
        for slot in &deployment.jobs {
            let address = deployment.job_address(slot.index);
            let account = accounts.get(&address);
            let state = decode_job(account.map(|account| (account.owner, account.data)))?;
            let is_open = matches!(state, JobState::Open(_));
            let queued = is_open
                && market.is_some_and(|market| {
                    is_queued(market.owner, market.data, &address).unwrap_or(false)
                });
            // A node that waited has the run whose address ours made.
            let ours = seeds::run_address(&deployment.address, slot.index).0;
            let run = accounts
                .get(&ours)
                .and_then(|account| decode_run(ours, account.owner, account.data).ok())
                .filter(|run| run.job == address)
                .or_else(|| runs.get(&address).copied());
            jobs.push(ObservedJob {
                slot: *slot,
                state,
                run: run.filter(|_| is_open && !queued),
                queued,
            });
        }
        let market_vault = accounts.get(&market_vault_address(&header.market));
        let vault = [header.vault, header.vault_nos].map(|key| accounts.get(&key));
        Ok(Self {
            market: seen.unwrap_or(Market::Unusable),
            market_nos: seen.map(|_| market_vault.and_then(nos_in).unwrap_or(0)),
            funds: funds(vault),
            rents,
            jobs,
            now,
            deployment,
        })
    }

    /// Jobs on nodes, each with its run's address.
    pub fn run_addresses(&self) -> impl Iterator<Item = (Pubkey, Pubkey)> + '_ {
        let jobs = self.jobs.iter();
        jobs.filter_map(|job| {
            let address = self.deployment.job_address(job.slot.index);
            Some((address, job.run?.address))
        })
    }

    /// Jobs that a node has taken, whose run is not known.
    pub fn jobs_without_run(&self) -> impl Iterator<Item = Pubkey> + '_ {
        let unknown = self.jobs.iter().filter(|job| job.is_missing());
        unknown.map(|job| self.deployment.job_address(job.slot.index))
    }
}

/// The `known` runs that have not changed, as read.
pub fn confirmed(known: &RunAddresses, accounts: &impl Accounts) -> Runs {
    let runs = known.iter().filter_map(|(job, address)| {
        let account = accounts.get(address)?;
        let run = decode_run(*address, account.owner, account.data).ok()?;
        (run.job == *job).then_some((*job, run))
    });
    runs.collect()
}

/// What a vault, or a wallet, and its token account hold.
pub fn funds([wallet, nos]: [Option<AccountView>; 2]) -> Funds {
    Funds {
        nos: nos.and_then(nos_in).unwrap_or(0),
        lamports: wallet.map_or(0, |account| account.lamports),
    }
}

/// NOS base units in an account; `None` if it is not a token account of NOS.
pub fn nos_in(account: AccountView) -> Option<u64> {
    if *account.owner != token::ID {
        return None;
    }
    let account = TokenAccount::unpack(account.data).ok()?;
    (account.mint == NOS_MINT).then_some(account.amount)
}
