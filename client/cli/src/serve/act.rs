//! What the server signs with its own key, and sends; and what it sends for wallets that signed it.

use super::{
    refusal::Refusal,
    wish::{Plan, Publish, Wish},
    Server,
};
use crate::definitions;
use axum::http::StatusCode;
use base64::{engine::general_purpose::STANDARD, Engine};
use nosana_deploy_client::{
    rpc::{Receipt, Simulation},
    transaction::{assemble, compute_unit_limit, Budget, Lifetime},
};
use solana_hash::Hash;
use solana_message::VersionedMessage;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;

impl Server {
    /// Does a wish of the owner's whose key the server has, and waits until the cluster confirms it.
    pub(super) async fn act(&self, owner: &Pubkey, wish: Wish) -> Result<Plan, Refusal> {
        let signer = self.signer.as_ref();
        let signer = signer.filter(|signer| signer.pubkey() == *owner);
        let signer = signer.ok_or_else(|| Refusal::forbidden("this server has no such key"))?;
        // One after the other: the next deployment's number, for example, depends on the last.
        let _turn = self.turn.lock().await;
        let plan = self.plan(owner, wish).await?;
        let (budget, _) = self.simulate(owner, &plan.instructions).await?;
        if let Some(publish) = &plan.publish {
            self.publish(publish).await?;
        }
        let blockhash = self.context.cluster.latest_blockhash().await?.0;
        let lifetime = Lifetime::Blockhash(blockhash);
        let message = assemble(owner, &plan.instructions, &[], &budget, lifetime)?;
        let signed = VersionedTransaction::try_new(message, &[signer]);
        let signed = signed.map_err(|error| {
            Refusal::new(StatusCode::CONFLICT, format!("cannot be signed: {error}"))
        })?;
        self.context.cluster.send(&signed, lifetime).await?;
        Ok(plan)
    }

    /// What a wallet would sign: the message, ready but for its signature, and what it would do.
    pub(super) async fn unsigned(
        &self,
        owner: &Pubkey,
        plan: &Plan,
    ) -> Result<(VersionedMessage, Simulation), Refusal> {
        let (budget, simulation) = self.simulate(owner, &plan.instructions).await?;
        let blockhash = self.context.cluster.latest_blockhash().await?.0;
        let lifetime = Lifetime::Blockhash(blockhash);
        let message = assemble(owner, &plan.instructions, &[], &budget, lifetime)?;
        Ok((message, simulation))
    }

    /// Sends what a wallet signed, and waits until the cluster confirms it.
    pub(super) async fn relay(&self, signed: &VersionedTransaction) -> Result<Receipt, Refusal> {
        let blockhash = *signed.message.recent_blockhash();
        let lifetime = Lifetime::Blockhash(blockhash);
        Ok(self.context.cluster.send(signed, lifetime).await?)
    }

    /// Keeps and pins what nodes will fetch.
    pub(super) async fn publish(&self, publish: &Publish) -> Result<(), Refusal> {
        let ipfs = self.ipfs.as_ref().ok_or_else(|| {
            Refusal::invalid("job_definition: this server pins nothing, so no node would find it; start the server with --ipfs-api")
        })?;
        // Nowhere else: without it, no node would ever run the stub's jobs.
        publish.secret.iter().try_for_each(definitions::keep)?;
        definitions::keep_copy(&publish.pinned);
        Ok(ipfs.pin(&publish.pinned).await?)
    }

    async fn simulate(
        &self,
        owner: &Pubkey,
        instructions: &[Instruction],
    ) -> Result<(Budget, Simulation), Refusal> {
        let none = Lifetime::Blockhash(Hash::default());
        let message = assemble(owner, instructions, &[], &Budget::default(), none)?;
        let simulation = self.context.cluster.simulate(&message, none).await?;
        let budget = Budget {
            compute_unit_limit: Some(compute_unit_limit(simulation.compute_units)),
            ..Budget::default()
        };
        Ok((budget, simulation))
    }
}

/// A transaction that lacks its fee payer's signature, in base64.
pub(super) fn unsigned_base64(message: VersionedMessage) -> Result<String, Refusal> {
    let signatures = usize::from(message.header().num_required_signatures);
    let transaction = VersionedTransaction {
        signatures: vec![Signature::default(); signatures],
        message,
    };
    let bytes = bincode::serialize(&transaction).map_err(|error| {
        Refusal::new(
            StatusCode::CONFLICT,
            format!("the transaction cannot be written: {error}"),
        )
    })?;
    Ok(STANDARD.encode(bytes))
}
