//! Simulating, sending and confirming.

use super::{Cluster, ClusterError};
use crate::{
    errors,
    events::{event, Event},
    keeper::observe::nos_in,
    transaction::Lifetime,
};
use solana_account::Account;
use solana_hash::Hash;
use solana_message::VersionedMessage;
use solana_program::pubkey::Pubkey;
use solana_rpc_client_api::config::{
    RpcSendTransactionConfig, RpcSimulateTransactionAccountsConfig, RpcSimulateTransactionConfig,
    UiAccountEncoding,
};
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction_error::TransactionError;
use solana_transaction_status_client_types::{UiInstruction, UiParsedInstruction};

/// A transaction is sent again after this many polls: nodes drop some.
const POLLS_PER_SEND: u32 = 8;
/// Longest wait: two minutes. A blockhash expires before, if the node answers; a nonce does not.
const MOST_POLLS: u32 = 480;

/// What an account holds before and after a transaction.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalanceChange {
    /// The account.
    pub key: Pubkey,
    /// Lamports before and after.
    pub lamports: (u64, u64),
    /// NOS base units before and after; zero where it is not a token account.
    pub nos: (u64, u64),
}

/// What a transaction would do.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Simulation {
    /// Compute units that it uses.
    pub compute_units: u64,
    /// Accounts whose balance changes, the fee included.
    pub changes: Vec<BalanceChange>,
    /// Whether the lamports of `changes` are the simulation's own. Older nodes do not say what accounts held
    /// before it; that is read besides, and something else may change it meanwhile.
    pub is_exact: bool,
    /// What the program would tell.
    pub events: Vec<Event>,
    /// Lamports of every account that the transaction names and may change, after it.
    held: Vec<(Pubkey, u64)>,
}

impl Simulation {
    /// Lamports of an account after the transaction; `None` if the transaction does not name it, or may not
    /// change it.
    pub fn lamports_after(&self, key: &Pubkey) -> Option<u64> {
        let found = self.held.iter().find(|(held, _)| held == key);
        found.map(|(_, lamports)| *lamports)
    }

    /// Lamports that the program would pay a keeper for its work.
    pub fn rewards_lamports(&self, keeper: &Pubkey) -> u64 {
        let rewards = self.events.iter().filter_map(|event| match event {
            Event::DeploymentChanged(changed) => changed.reward,
            Event::JobsCleaned(cleaned) => Some(cleaned.reward),
            _ => None,
        });
        let own = rewards.filter(|reward| reward.keeper == *keeper);
        own.fold(0, |sum, reward| sum.saturating_add(reward.lamports))
    }
}

/// A confirmed transaction.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its first signature, its name.
    pub signature: Signature,
    /// The slot that holds it.
    pub slot: u64,
}

impl Cluster {
    /// The latest blockhash, and the last block height at which it counts.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn latest_blockhash(&self) -> Result<(Hash, u64), ClusterError> {
        let commitment = self.client().commitment();
        let latest = self
            .client()
            .get_latest_blockhash_with_commitment(commitment)
            .await;
        latest.map_err(|error| self.explain(error, &[]))
    }

    /// Micro-lamports per compute unit that recent transactions paid which wrote these accounts.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn recent_fees(&self, writable: &[Pubkey]) -> Result<Vec<u64>, ClusterError> {
        const MOST_ACCOUNTS: usize = 128;
        let keys = writable.get(..MOST_ACCOUNTS).unwrap_or(writable);
        let fees = self.client().get_recent_prioritization_fees(keys).await;
        let fees = fees.map_err(|error| self.explain(error, &[]))?;
        Ok(fees.into_iter().map(|fee| fee.prioritization_fee).collect())
    }

    /// Runs a message without signatures and without effect.
    ///
    /// # Errors
    /// [`ClusterError::Refused`] if it fails.
    pub async fn simulate(
        &self,
        message: &VersionedMessage,
        lifetime: Lifetime,
    ) -> Result<Simulation, ClusterError> {
        let keys = writable_keys(message);
        let signatures = usize::from(message.header().num_required_signatures);
        let transaction = VersionedTransaction {
            signatures: vec![Signature::default(); signatures],
            message: message.clone(),
        };
        let config = RpcSimulateTransactionConfig {
            sig_verify: false,
            // Not a nonce: then it would be no longer the transaction that uses it.
            replace_recent_blockhash: matches!(lifetime, Lifetime::Blockhash(_)),
            commitment: Some(self.client().commitment()),
            inner_instructions: true,
            accounts: Some(RpcSimulateTransactionAccountsConfig {
                encoding: Some(UiAccountEncoding::Base64),
                addresses: keys.iter().map(Pubkey::to_string).collect(),
            }),
            ..Default::default()
        };
        let programs = programs(message);
        let simulated = self
            .client()
            .simulate_transaction_with_config(&transaction, config);
        let (before, answer) = tokio::join!(self.accounts(&keys), simulated);
        let before = before?;
        let result = answer
            .map_err(|error| self.explain(error, &programs))?
            .value;
        if let Some(error) = result.err {
            let logs = result.logs.unwrap_or_default();
            let error = TransactionError::from(error);
            return Err(ClusterError::Refused(errors::explain(
                &error, &programs, &logs,
            )));
        }
        let after = result.accounts.unwrap_or_default().into_iter();
        let after = after.map(|account| account.and_then(|account| account.decode::<Account>()));
        let after: Vec<Option<Account>> = after.collect();
        let held = after
            .iter()
            .map(|account| account.as_ref().map_or(0, |account| account.lamports));
        let held = keys.iter().copied().zip(held).collect();
        let own = |balances: Option<Vec<u64>>| balances.map(|all| writable(message, all));
        let own = own(result.pre_balances).zip(own(result.post_balances));
        let is_exact = own.is_some();
        let own = own.map(|(before, after)| before.into_iter().zip(after));
        let mut own = own.into_iter().flatten();
        let changes = keys.iter().zip(before.iter().zip(after));
        let changes = changes.filter_map(|(key, (before, after))| {
            change(key, before.as_ref(), after.as_ref(), own.next())
        });
        let told = result.inner_instructions.unwrap_or_default().into_iter();
        let told = told.flat_map(|inner| inner.instructions);
        Ok(Simulation {
            compute_units: result.units_consumed.unwrap_or(0),
            changes: changes.collect(),
            is_exact,
            events: told
                .filter_map(|called| event_of(message.static_account_keys(), called))
                .collect(),
            held,
        })
    }

    /// Sends a signed transaction and waits until the cluster confirms it. It is sent again until
    /// it is confirmed or expires; that does it at most once. Once a node may have it, a request
    /// that fails decides nothing. Dropping this future takes nothing back: a transaction that was
    /// sent may still land.
    ///
    /// # Errors
    /// [`ClusterError::Refused`] if it would fail and was not sent, [`ClusterError::Failed`] if it
    /// did, [`ClusterError::Expired`] if nothing is known of it when its blockhash expires,
    /// [`ClusterError::Unconfirmed`] if nothing is known of it and it may still land.
    pub async fn send(
        &self,
        transaction: &VersionedTransaction,
        lifetime: Lifetime,
    ) -> Result<Receipt, ClusterError> {
        let programs = programs(&transaction.message);
        let signature = *transaction
            .signatures
            .first()
            .ok_or_else(|| ClusterError::Refused("the transaction has no signature".into()))?;
        let config = RpcSendTransactionConfig {
            preflight_commitment: Some(self.client().commitment().commitment),
            max_retries: Some(0), // by this loop instead
            ..Default::default()
        };
        let sent = self
            .client()
            .send_transaction_with_config(transaction, config)
            .await;
        if let Err(error) = sent {
            let in_already =
                error.get_transaction_error() == Some(TransactionError::AlreadyProcessed);
            match self.explain(error, &programs) {
                // It may have arrived before the connection broke.
                ClusterError::Unreachable { .. } => {}
                // The very same transaction was sent before, whatever the node calls that: its
                // status tells how it went.
                _ if in_already || self.is_known(&signature).await => {}
                refused => return Err(refused),
            }
        }
        for polls in 1..=MOST_POLLS {
            tokio::time::sleep(self.poll).await;
            let sends_again = polls.is_multiple_of(POLLS_PER_SEND);
            // Asked before the status: what expired before that cannot be confirmed after.
            let expired = match lifetime {
                Lifetime::Blockhash(hash) if sends_again => {
                    self.is_valid(&hash).await.is_ok_and(|valid| !valid)
                }
                _ => false,
            };
            match self.status(&signature, &programs).await {
                Ok(Some(receipt)) => return Ok(receipt),
                Ok(None) if expired => return Err(ClusterError::Expired(signature.to_string())),
                Err(failed @ ClusterError::Failed { .. }) => return Err(failed),
                Ok(None) | Err(_) => {}
            }
            if sends_again {
                let again = RpcSendTransactionConfig {
                    skip_preflight: true,
                    ..config
                };
                // Its outcome shows in the status.
                let _ = self
                    .client()
                    .send_transaction_with_config(transaction, again)
                    .await;
            }
        }
        Err(ClusterError::Unconfirmed {
            signature: signature.to_string(),
            until: match lifetime {
                Lifetime::Blockhash(hash) => format!("its blockhash {hash} expires"),
                Lifetime::Nonce { account, .. } => format!("the nonce {account} is advanced"),
            },
        })
    }

    /// Whether the node has heard of a transaction.
    async fn is_known(&self, signature: &Signature) -> bool {
        let statuses = self.client().get_signature_statuses(&[*signature]).await;
        statuses.is_ok_and(|statuses| statuses.value.iter().flatten().next().is_some())
    }

    async fn is_valid(&self, blockhash: &Hash) -> Result<bool, ClusterError> {
        let commitment = self.client().commitment();
        let valid = self
            .client()
            .is_blockhash_valid(blockhash, commitment)
            .await;
        valid.map_err(|error| self.explain(error, &[]))
    }

    async fn status(
        &self,
        signature: &Signature,
        programs: &[Pubkey],
    ) -> Result<Option<Receipt>, ClusterError> {
        let statuses = self.client().get_signature_statuses(&[*signature]).await;
        let statuses = statuses.map_err(|error| self.explain(error, &[]))?.value;
        let Some(status) = statuses.into_iter().next().flatten() else {
            return Ok(None);
        };
        if let Some(error) = &status.err {
            return Err(ClusterError::Failed {
                signature: signature.to_string(),
                slot: status.slot,
                reason: errors::explain(error, programs, &[]),
            });
        }
        let confirmed = status.satisfies_commitment(self.client().commitment());
        let slot = status.slot;
        Ok(confirmed.then_some(Receipt {
            signature: *signature,
            slot,
        }))
    }
}

/// Programs of a message's instructions, in order.
pub(super) fn programs(message: &VersionedMessage) -> Vec<Pubkey> {
    let keys = message.static_account_keys();
    let ids = message.instructions().iter();
    ids.filter_map(|instruction| keys.get(usize::from(instruction.program_id_index)).copied())
        .collect()
}

/// Accounts that a message names itself and may change.
fn writable_keys(message: &VersionedMessage) -> Vec<Pubkey> {
    writable(message, message.static_account_keys().to_vec())
}

/// Of what there is one for each of a message's accounts, those of [`writable_keys`].
fn writable<T>(message: &VersionedMessage, all: Vec<T>) -> Vec<T> {
    let own = message.static_account_keys().len();
    let all = all.into_iter().take(own).enumerate();
    all.filter(|(position, _)| message.is_maybe_writable(*position, None))
        .map(|(_, one)| one)
        .collect()
}

/// The event that an instruction tells which a simulated one called.
/// The event that an instruction tells, called by a transaction with these accounts.
pub(super) fn event_of(keys: &[Pubkey], called: UiInstruction) -> Option<Event> {
    let (program, data) = match called {
        UiInstruction::Compiled(called) => {
            let program = keys.get(usize::from(called.program_id_index))?;
            (*program, called.data)
        }
        UiInstruction::Parsed(UiParsedInstruction::PartiallyDecoded(called)) => {
            (called.program_id.parse().ok()?, called.data)
        }
        UiInstruction::Parsed(UiParsedInstruction::Parsed(_)) => return None, // not ours
    };
    event(&program, &bs58::decode(data).into_vec().ok()?)
}

fn change(
    key: &Pubkey,
    before: Option<&Account>,
    after: Option<&Account>,
    own_lamports: Option<(u64, u64)>,
) -> Option<BalanceChange> {
    let lamports = |account: Option<&Account>| account.map_or(0, |account| account.lamports);
    let nos = |account: Option<&Account>| {
        account
            .and_then(|account| nos_in(account.into()))
            .unwrap_or(0)
    };
    let change = BalanceChange {
        key: *key,
        lamports: own_lamports.unwrap_or_else(|| (lamports(before), lamports(after))),
        nos: (nos(before), nos(after)),
    };
    let changed = change.lamports.0 != change.lamports.1 || change.nos.0 != change.nos.1;
    changed.then_some(change)
}

#[cfg(test)]
mod tests;
