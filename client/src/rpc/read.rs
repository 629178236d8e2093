//! Reading accounts. What a cluster answers is believed only after it is decoded.

use super::{Cluster, ClusterError};
use crate::{
    accounts::{decode_owner, decode_revision, DecodeError, DeploymentAccount},
    filters::{self, DeploymentFilter, JobPhase, Memcmp},
    instructions::{nos_account_address, Vault},
    keeper::observe,
    markets::{decode_job_over, decode_market, decode_run, JobOver, Run},
    seeds, PROGRAM_ID,
};
use deployments::state::{deployment::FIRST_REVISION, Owner};
use deployments_domain::{funding::Funds, lifecycle::Market};
use nosana_jobs_interface::JOBS_PROGRAM;
use solana_account::{from_account, Account};
use solana_hash::Hash;
use solana_message::VersionedMessage;
use solana_program::{clock::Clock, pubkey::Pubkey, rent::Rent, sysvar};
use solana_rpc_client_api::{
    config::{RpcAccountInfoConfig, RpcProgramAccountsConfig, UiAccountEncoding},
    filter::{Memcmp as RpcMemcmp, RpcFilterType},
};
use std::time::Duration;

/// An account that a filter found, decoded or not.
pub type Found<T> = (Pubkey, Result<T, DecodeError>);

/// Numbers and digests of a deployment's job definitions.
pub type Revisions = Vec<(u32, [u8; 32], Option<i64>)>;

impl Cluster {
    /// Accounts at these addresses, in their order.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn accounts(&self, keys: &[Pubkey]) -> Result<Vec<Option<Account>>, ClusterError> {
        Ok(self.accounts_since(keys, 0).await?.1)
    }

    /// As [`Self::accounts`], as they were in slot `at_least` or later: of several nodes behind one
    /// address some lag. Also returns the slot that all answers are at least of.
    ///
    /// # Errors
    /// [`ClusterError::Stale`] if the node does not catch up within a few seconds.
    pub async fn accounts_since(
        &self,
        keys: &[Pubkey],
        at_least: u64,
    ) -> Result<(u64, Vec<Option<Account>>), ClusterError> {
        const MOST_PER_REQUEST: usize = 100;
        const TRIES: u32 = 20;
        const WAIT: Duration = Duration::from_millis(250);
        let commitment = self.client().commitment();
        let (mut slot, mut accounts) = (u64::MAX, Vec::with_capacity(keys.len()));
        for keys in keys.chunks(MOST_PER_REQUEST) {
            let mut tries: u32 = 0;
            let found = loop {
                let answer = self
                    .client()
                    .get_multiple_accounts_with_commitment(keys, commitment)
                    .await;
                let answer = answer.map_err(|error| self.explain(error, &[]))?;
                if answer.context.slot >= at_least {
                    break answer;
                }
                tries += 1;
                if tries == TRIES {
                    return Err(ClusterError::Stale {
                        url: self.url().to_owned(),
                        slot: answer.context.slot,
                        at_least,
                    });
                }
                tokio::time::sleep(WAIT).await;
            };
            slot = slot.min(found.context.slot);
            accounts.extend(found.value);
        }
        Ok((slot, accounts))
    }

    /// Refuses a cluster without the program.
    ///
    /// # Errors
    /// [`ClusterError::NotDeployed`], or that the node does not answer.
    pub async fn require_program(&self) -> Result<(), ClusterError> {
        match self.accounts(&[PROGRAM_ID]).await?.pop().flatten() {
            Some(program) if program.executable => Ok(()),
            _ => Err(ClusterError::NotDeployed(self.url().to_owned())),
        }
    }

    /// A deployment.
    ///
    /// # Errors
    /// [`ClusterError`] if there is none at this address.
    pub async fn deployment(&self, key: &Pubkey) -> Result<DeploymentAccount, ClusterError> {
        let account = self.accounts(&[*key]).await?.pop().flatten();
        self.decode_deployment(key, account)
    }

    pub(super) fn decode_deployment(
        &self,
        key: &Pubkey,
        account: Option<Account>,
    ) -> Result<DeploymentAccount, ClusterError> {
        let account = account.ok_or_else(|| self.missing("deployment", key))?;
        DeploymentAccount::decode(*key, &account.owner, &account.data)
            .map_err(|error| ClusterError::Decode { key: *key, error })
    }

    pub(super) fn missing(&self, what: &'static str, key: &Pubkey) -> ClusterError {
        let url = self.url().to_owned();
        ClusterError::Missing {
            what,
            key: *key,
            url,
        }
    }

    /// The number of the wallet's next deployment.
    ///
    /// # Errors
    /// [`ClusterError`] if the account is damaged.
    pub async fn next_deployment_id(&self, wallet: &Pubkey) -> Result<u64, ClusterError> {
        let key = seeds::owner_address(wallet).0;
        let Some(account) = self.accounts(&[key]).await?.pop().flatten() else {
            return Ok(0);
        };
        // Whoever sends lamports there makes no Owner account of it.
        if account.owner == anchor_lang::system_program::ID {
            return Ok(0);
        }
        let owner: Owner = decode_owner(&account.owner, &account.data)
            .map_err(|error| ClusterError::Decode { key, error })?;
        Ok(owner.next_deployment_id)
    }

    /// Deployments that a filter finds, including deployments with a different layout.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn deployments(
        &self,
        filter: &DeploymentFilter,
    ) -> Result<Vec<Found<DeploymentAccount>>, ClusterError> {
        let found = self.program_accounts(&PROGRAM_ID, filter.memcmp()).await?;
        let decoded = found.into_iter().map(|(key, account)| {
            (
                key,
                DeploymentAccount::decode(key, &account.owner, &account.data),
            )
        });
        Ok(decoded.collect())
    }

    /// A wallet's deployments, the first first. Their addresses follow from their numbers, so nothing is
    /// searched for, which some nodes refuse.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn deployments_of(
        &self,
        owner: &Pubkey,
    ) -> Result<Vec<Found<DeploymentAccount>>, ClusterError> {
        let count = self.next_deployment_id(owner).await?;
        let keys: Vec<Pubkey> = (0..count)
            .map(|id| seeds::deployment_address(owner, id).0)
            .collect();
        let found = keys.iter().zip(self.accounts(&keys).await?);
        let decoded = found.filter_map(|(key, account)| {
            // None: closed by its owner.
            let account = account.filter(|account| account.owner == PROGRAM_ID)?;
            let decoded = DeploymentAccount::decode(*key, &account.owner, &account.data);
            Some((*key, decoded))
        });
        Ok(decoded.collect())
    }

    /// A program's accounts that pass all filters.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer; some nodes search for no accounts.
    pub async fn program_accounts(
        &self,
        program: &Pubkey,
        filters: Vec<Memcmp>,
    ) -> Result<Vec<(Pubkey, Account)>, ClusterError> {
        let config = self.program_config(filters);
        let found = self
            .client()
            .get_program_ui_accounts_with_config(program, config)
            .await;
        let found = found.map_err(|error| self.explain(error, &[]))?;
        let decoded = found
            .into_iter()
            .filter_map(|(key, account)| Some((key, account.decode::<Account>()?)));
        Ok(decoded.collect())
    }

    /// How to ask for, or subscribe to, a program's accounts.
    pub fn program_config(&self, filters: Vec<Memcmp>) -> RpcProgramAccountsConfig {
        let filters = filters.into_iter().map(|filter| {
            RpcFilterType::Memcmp(RpcMemcmp::new_raw_bytes(filter.offset, filter.bytes))
        });
        RpcProgramAccountsConfig {
            filters: Some(filters.collect()),
            account_config: self.account_config(),
            ..Default::default()
        }
    }

    /// How to subscribe to an account.
    pub fn account_config(&self) -> RpcAccountInfoConfig {
        RpcAccountInfoConfig {
            encoding: Some(UiAccountEncoding::Base64),
            commitment: Some(self.client().commitment()),
            ..Default::default()
        }
    }

    /// Runs of the markets' program.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn runs(&self, job: Option<&Pubkey>) -> Result<Vec<Run>, ClusterError> {
        let found = self
            .program_accounts(&JOBS_PROGRAM, filters::runs(job))
            .await?;
        let runs = found
            .into_iter()
            .filter_map(|(key, account)| decode_run(key, &account.owner, &account.data).ok());
        Ok(runs.collect())
    }

    /// Jobs of the markets' program that are over.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn jobs_over(&self, phase: JobPhase) -> Result<Vec<(Pubkey, JobOver)>, ClusterError> {
        let filters = filters::jobs(Some(phase));
        let found = self.program_accounts(&JOBS_PROGRAM, filters).await?;
        let jobs = found.into_iter().filter_map(|(key, account)| {
            let job = decode_job_over(&account.owner, &account.data).ok()?;
            Some((key, job))
        });
        Ok(jobs.collect())
    }

    /// A market.
    ///
    /// # Errors
    /// [`ClusterError`] if there is none at this address.
    pub async fn market(&self, key: &Pubkey) -> Result<Market, ClusterError> {
        let account = self.accounts(&[*key]).await?.pop().flatten();
        let account = account.ok_or_else(|| self.missing("market", key))?;
        decode_market(&account.owner, &account.data)
            .map_err(|error| ClusterError::Decode { key: *key, error })
    }

    /// What a vault holds.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn funds(&self, vault: &Vault) -> Result<Funds, ClusterError> {
        let accounts = self.accounts(&[vault.address, vault.nos]).await?;
        Ok(funds_of(&accounts))
    }

    /// NOS base units in a wallet's associated token account, and the wallet's lamports.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn wallet_funds(&self, wallet: &Pubkey) -> Result<Funds, ClusterError> {
        let nos = nos_account_address(wallet);
        Ok(funds_of(&self.accounts(&[*wallet, nos]).await?))
    }

    /// On-chain time, unix seconds.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn now(&self) -> Result<i64, ClusterError> {
        let account = self.accounts(&[sysvar::clock::ID]).await?.pop().flatten();
        self.clock(account.as_ref())
    }

    pub(super) fn clock(&self, account: Option<&Account>) -> Result<i64, ClusterError> {
        let clock = account.and_then(from_account::<Clock, Account>);
        let clock = clock.ok_or_else(|| self.missing("sysvar", &sysvar::clock::ID))?;
        Ok(clock.unix_timestamp)
    }

    /// The value of a nonce account, to be used in place of a blockhash.
    ///
    /// # Errors
    /// [`ClusterError`] if there is none at this address.
    pub async fn nonce(&self, key: &Pubkey) -> Result<Hash, ClusterError> {
        let account = self.accounts(&[*key]).await?.pop().flatten();
        let account = account.ok_or_else(|| self.missing("nonce account", key))?;
        match solana_rpc_client_nonce_utils::data_from_account(&account) {
            Ok(data) => Ok(data.blockhash()),
            Err(_) => Err(ClusterError::Decode {
                key: *key,
                error: DecodeError::WrongKind,
            }),
        }
    }

    /// The fee of a message, lamports.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer, or does not know the message's blockhash.
    pub async fn fee(&self, message: &VersionedMessage) -> Result<u64, ClusterError> {
        let client = self.client();
        let fee = match message {
            VersionedMessage::Legacy(message) => client.get_fee_for_message(message).await,
            VersionedMessage::V0(message) => client.get_fee_for_message(message).await,
        };
        fee.map_err(|error| self.explain(error, &[]))
    }

    /// The hash of the cluster's first block, which tells it from all others.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn genesis_hash(&self) -> Result<Hash, ClusterError> {
        let hash = self.client().get_genesis_hash().await;
        hash.map_err(|error| self.explain(error, &[]))
    }

    /// The cluster's rent.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn rent(&self) -> Result<Rent, ClusterError> {
        let account = self.accounts(&[sysvar::rent::ID]).await?.pop().flatten();
        account
            .as_ref()
            .and_then(from_account::<Rent, Account>)
            .ok_or_else(|| self.missing("sysvar", &sysvar::rent::ID))
    }

    /// A deployment's revisions, oldest first; those whose accounts are closed are left out. The
    /// time is when a revision was added, unix seconds; the first came with the deployment.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn revisions(
        &self,
        deployment: &DeploymentAccount,
    ) -> Result<Revisions, ClusterError> {
        let header = &deployment.header;
        let (later, keys): (Vec<u32>, Vec<Pubkey>) = deployment.later_revisions().unzip();
        let first = (
            FIRST_REVISION,
            header.first_job_definition,
            Some(header.created_at),
        );
        let mut revisions = vec![first];
        for ((number, key), account) in later.iter().zip(&keys).zip(self.accounts(&keys).await?) {
            let Some(account) = account.filter(|account| account.owner == PROGRAM_ID) else {
                continue;
            };
            let revision = decode_revision(&account.owner, &account.data)
                .map_err(|error| ClusterError::Decode { key: *key, error })?;
            revisions.push((*number, revision.job_definition, Some(revision.created_at)));
        }
        Ok(revisions)
    }
}

/// What a vault, or a wallet, and its token account hold.
fn funds_of(accounts: &[Option<Account>]) -> Funds {
    let view_of = |position| {
        accounts
            .get(position)
            .and_then(Option::as_ref)
            .map(Into::into)
    };
    observe::funds([view_of(0), view_of(1)])
}
