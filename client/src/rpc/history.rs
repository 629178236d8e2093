//! Transactions that named an account, and what the program told in them.

use super::{send::event_of, Cluster, ClusterError};
use crate::history::Call;
use futures_util::{future, stream, StreamExt, TryStreamExt};
use serde_json::json;
use solana_commitment_config::CommitmentConfig;
use solana_program::pubkey::Pubkey;
use solana_rpc_client::rpc_client::GetConfirmedSignaturesForAddress2Config;
use solana_rpc_client_api::{
    config::RpcTransactionConfig, request::RpcRequest,
    response::RpcConfirmedTransactionStatusWithSignature,
};
use solana_signature::Signature;
use solana_transaction_status_client_types::{
    EncodedConfirmedTransactionWithStatusMeta, UiLoadedAddresses, UiTransactionEncoding,
};

/// Transactions that are asked for at the same time.
const AT_ONCE: usize = 8;
/// The most that a node names in one answer.
const PAGE: usize = 1_000;

/// Which calls are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// None that is older, unix seconds.
    pub since: Option<i64>,
    /// None that is as old as this one, or older.
    pub after: Option<Signature>,
}

impl Cluster {
    /// Transactions that named `account` and succeeded, newest first. What a node has forgotten is
    /// missing: changes are numbered, so that a [`History`](crate::history::History) knows.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer; some keep no transactions.
    pub async fn calls(&self, account: &Pubkey, span: Span) -> Result<Vec<Call>, ClusterError> {
        let named = self.signatures(account, span).await?;
        let succeeded = named.into_iter().filter(|named| named.err.is_none());
        let calls = stream::iter(succeeded)
            .map(|named| self.call(named))
            .buffered(AT_ONCE);
        calls
            .try_filter_map(|call| future::ready(Ok(call)))
            .try_collect()
            .await
    }

    /// The newest transaction that named an account.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn latest_call(&self, account: &Pubkey) -> Result<Option<Signature>, ClusterError> {
        let config = GetConfirmedSignaturesForAddress2Config {
            limit: Some(1),
            commitment: Some(self.remembered()),
            ..Default::default()
        };
        let page = self
            .client()
            .get_signatures_for_address_with_config(account, config)
            .await;
        let page = page.map_err(|error| self.explain(error, &[]))?;
        Ok(page.first().and_then(|named| named.signature.parse().ok()))
    }

    async fn signatures(
        &self,
        account: &Pubkey,
        Span { since, after }: Span,
    ) -> Result<Vec<RpcConfirmedTransactionStatusWithSignature>, ClusterError> {
        let mut all: Vec<RpcConfirmedTransactionStatusWithSignature> = Vec::new();
        loop {
            let oldest = all.last().and_then(|named| named.signature.parse().ok());
            let config = GetConfirmedSignaturesForAddress2Config {
                before: oldest,
                until: after,
                limit: Some(PAGE),
                commitment: Some(self.remembered()),
            };
            let page = self
                .client()
                .get_signatures_for_address_with_config(account, config)
                .await;
            let page = page.map_err(|error| self.explain(error, &[]))?;
            let is_last = page.len() < PAGE;
            let is_wanted = |named: &RpcConfirmedTransactionStatusWithSignature| {
                since.is_none_or(|since| named.block_time.is_none_or(|at| at >= since))
            };
            let before = all.len();
            let count = page.len();
            all.extend(page.into_iter().filter(is_wanted));
            if is_last || all.len().saturating_sub(before) < count {
                return Ok(all);
            }
        }
    }

    /// One of them; `None` if the node has forgotten it.
    async fn call(
        &self,
        named: RpcConfirmedTransactionStatusWithSignature,
    ) -> Result<Option<Call>, ClusterError> {
        let config = RpcTransactionConfig {
            encoding: Some(UiTransactionEncoding::Base64),
            commitment: Some(self.remembered()),
            max_supported_transaction_version: Some(0),
        };
        let found = self
            .client()
            .send::<Option<EncodedConfirmedTransactionWithStatusMeta>>(
                RpcRequest::GetTransaction,
                json!([named.signature, config]),
            )
            .await;
        let found = found.map_err(|error| self.explain(error, &[]))?;
        Ok(found.and_then(read))
    }

    /// Nodes remember nothing that is less than confirmed.
    fn remembered(&self) -> CommitmentConfig {
        match self.client().commitment() {
            finalized if finalized.is_finalized() => finalized,
            _ => CommitmentConfig::confirmed(),
        }
    }
}

fn read(found: EncodedConfirmedTransactionWithStatusMeta) -> Option<Call> {
    let transaction = found.transaction.transaction.decode()?;
    let message = &transaction.message;
    let mut keys = message.static_account_keys().to_vec();
    let signers = usize::from(message.header().num_required_signatures);
    let signers = keys.iter().take(signers).copied().collect();
    let meta = found.transaction.meta?;
    let loaded: Option<UiLoadedAddresses> = meta.loaded_addresses.into();
    if let Some(loaded) = loaded {
        let named = loaded.writable.iter().chain(&loaded.readonly);
        keys.extend(named.filter_map(|key| key.parse::<Pubkey>().ok()));
    }
    let called: Option<Vec<_>> = meta.inner_instructions.into();
    let called = called.into_iter().flatten();
    let called = called.flat_map(|inner| inner.instructions);
    Some(Call {
        signature: *transaction.signatures.first()?,
        slot: found.slot,
        at: found.block_time,
        signers,
        events: called.filter_map(|one| event_of(&keys, one)).collect(),
    })
}
