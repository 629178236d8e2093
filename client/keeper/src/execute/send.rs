//! Signs and sends what a simulation accepted.

use super::Prepared;
use crate::Keeper;
use nosana_deploy_client::{
    rpc::{ClusterError, Receipt},
    transaction::Lifetime,
};
use solana_message::AddressLookupTableAccount;
use solana_program::instruction::Instruction;
use solana_transaction::versioned::VersionedTransaction;

impl Keeper {
    pub(super) async fn sign_and_send(&self, prepared: &Prepared) -> Result<Receipt, ClusterError> {
        if self.is_stopping() {
            return Err(ClusterError::Refused("the keeper is stopping".into()));
        }
        let message = prepared.message.clone();
        let transaction = VersionedTransaction::try_new(message, &[&self.wallet])
            .map_err(|error| ClusterError::Refused(error.to_string()))?;
        let sent = self.cluster.send(&transaction, prepared.lifetime).await;
        if matches!(sent, Ok(_) | Err(ClusterError::Failed { .. })) {
            self.metrics.paid(prepared.fee_lamports);
        }
        sent
    }

    /// Simulates, signs and sends instructions of the keeper's own.
    pub(crate) async fn submit(
        &self,
        instructions: &[Instruction],
        tables: &[AddressLookupTableAccount],
    ) -> Result<Receipt, ClusterError> {
        let lifetime = Lifetime::Blockhash(self.cluster.latest_blockhash().await?.0);
        let prepared = self.simulate(instructions, tables, lifetime, 0).await?;
        let low = self.config.low_balance_lamports;
        if prepared.gain_lamports < 0 && prepared.left_lamports < low {
            return Err(ClusterError::Refused(format!(
                "the wallet would hold less than {low} lamports"
            )));
        }
        self.sign_and_send(&prepared).await
    }
}
