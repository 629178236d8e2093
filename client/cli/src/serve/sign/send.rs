//! Sending what a wallet has signed. What nodes will fetch waits for that: nothing leaves this machine before.

use super::This;
use crate::serve::{
    body::Body,
    refusal::{Failures, Refusal},
    wish::Publish,
    Server,
};
use axum::{extract::State, Json};
use base64::{engine::general_purpose::STANDARD, Engine};
use nosana_deploy_client::PROGRAM_ID;
use serde::{Deserialize, Serialize};
use solana_transaction::versioned::VersionedTransaction;
use std::time::{Duration, Instant};
use utoipa::ToSchema;

/// A definition waits this long for the transaction that names it.
const WAITING: Duration = Duration::from_secs(600);
/// So many wait at once.
const MOST_WAITING: usize = 64;

impl Server {
    /// Keeps what is to be published until the transaction that names it is sent: nothing leaves this machine
    /// before it is signed.
    pub(super) async fn await_publication(&self, publish: &Publish) {
        let mut waiting = self.waiting.lock().await;
        waiting.retain(|(since, _)| since.elapsed() < WAITING);
        if waiting.len() >= MOST_WAITING {
            waiting.remove(0);
        }
        waiting.push((Instant::now(), publish.clone()));
    }

    /// What a signed transaction names, if it waits.
    async fn awaited(&self, signed: &VersionedTransaction) -> Option<Publish> {
        let waiting = self.waiting.lock().await;
        let names = |publish: &Publish| {
            let digest = publish.pinned.digest();
            let mut instructions = signed.message.instructions().iter();
            instructions.any(|one| one.data.windows(digest.len()).any(|bytes| bytes == digest))
        };
        let found = waiting.iter().rev().find(|(_, publish)| names(publish));
        found.map(|(_, publish)| publish.clone())
    }
}

/// A transaction that its wallet has signed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignedBody {
    /// In base64.
    transaction: String,
}

/// A confirmed transaction.
#[derive(Serialize, ToSchema)]
pub(super) struct Sent {
    signature: String,
    slot: u64,
}

/// Send a signed transaction that was made here, and wait until the cluster confirms it. What nodes will fetch is
/// pinned before.
#[utoipa::path(post, path = "/api/transactions/send", tag = "Transactions to sign",
    request_body = SignedBody,
    responses((status = 200, body = Sent), Failures))]
pub(super) async fn send(
    State(server): This,
    Body(body): Body<SignedBody>,
) -> Result<Json<Sent>, Refusal> {
    let wrong = |valid: &str| Refusal::invalid(format!("transaction: {valid}"));
    let bytes = STANDARD.decode(body.transaction.trim());
    let bytes = bytes.map_err(|_| wrong("not base64"))?;
    let signed: VersionedTransaction = bincode::deserialize(&bytes)
        .map_err(|_| wrong("use a whole transaction, signatures included"))?;
    signed
        .sanitize()
        .map_err(|_| wrong("use a whole transaction, signatures included"))?;
    let keys = signed.message.static_account_keys();
    let mut calls = signed.message.instructions().iter();
    if !calls.any(|call| keys.get(usize::from(call.program_id_index)) == Some(&PROGRAM_ID)) {
        return Err(wrong(
            "it does not call the deployments program; send others with your wallet",
        ));
    }
    signed
        .verify_and_hash_message()
        .map_err(|_| wrong("a signature is missing or does not fit; have the wallet sign it"))?;
    if let Some(publish) = server.awaited(&signed).await {
        server.publish(&publish).await?;
    }
    let receipt = server.relay(&signed).await?;
    Ok(Json(Sent {
        signature: receipt.signature.to_string(),
        slot: receipt.slot,
    }))
}
