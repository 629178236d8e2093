//! Signs and sends what a simulation accepted.

use super::{simulate::Plan, Prepared};
use crate::Keeper;
use nosana_deploy_client::rpc::{ClusterError, Receipt};
use solana_keypair::Keypair;
use solana_message::AddressLookupTableAccount;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;

impl Keeper {
    pub(super) async fn sign_and_send(
        &self,
        kind: &'static str,
        prepared: &Prepared,
    ) -> Result<Receipt, ClusterError> {
        if self.is_stopping() {
            return Err(ClusterError::Refused("the keeper is stopping".into()));
        }
        let message = prepared.message.clone();
        let required = usize::from(message.header().num_required_signatures);
        let required = message.static_account_keys().get(..required);
        let all = std::iter::once(&self.wallet).chain(&self.access_keys);
        let signers: Vec<&Keypair> = all
            .filter(|signer| required.is_some_and(|keys| keys.contains(&signer.pubkey())))
            .collect();
        let transaction = VersionedTransaction::try_new(message, &signers)
            .map_err(|error| ClusterError::Refused(error.to_string()))?;
        let sent = self.cluster.send(&transaction, prepared.lifetime).await;
        match &sent {
            Ok(_) => {
                self.metrics.spent(kind, "fee", prepared.fee_lamports);
                self.metrics.spent(kind, "rent", prepared.rent_lamports);
            }
            Err(ClusterError::Failed { .. }) => {
                self.metrics.spent(kind, "fee", prepared.fee_lamports);
            }
            Err(_) => {}
        }
        sent
    }

    /// Simulates, signs and sends instructions of the keeper's own, which pay rent for `paid_for`.
    pub(crate) async fn submit(
        &self,
        kind: &'static str,
        instructions: &[Instruction],
        tables: &[AddressLookupTableAccount],
        paid_for: &[Pubkey],
    ) -> Result<Receipt, ClusterError> {
        let plan = Plan {
            instructions,
            tables,
            market: None,
            paid_for,
        };
        let lifetime = self.blockhash().await?;
        let prepared = self.simulate(&plan, lifetime, 0).await?;
        let low = self.config.low_balance_lamports;
        if prepared.gain_lamports < 0 && prepared.left_lamports < low {
            return Err(ClusterError::Refused(format!(
                "the wallet would hold less than {low} lamports"
            )));
        }
        self.sign_and_send(kind, &prepared).await
    }
}
