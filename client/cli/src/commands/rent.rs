//! `reclaim-rent`: what a wallet's accounts hold above today's rent.

use crate::{
    context::Context,
    exit::invalid,
    format::{counted, sol},
    submit::{TransactionOptions, TransactionPlan},
};
use anyhow::Result;
use clap::Args;
use nosana_deploy_client::instructions as ix;
use solana_program::pubkey::Pubkey;

/// Accounts that one transaction names.
const ACCOUNTS_AT_ONCE: usize = 24;

/// Return what deployments and revisions hold above today's rent to their owner
///
/// The cluster's rent falls; accounts keep what they were made with until this is done. Anyone may do it,
/// for anyone: the SOL go to the owner alone. It needs to be done again for more than 24 accounts.
#[derive(Args)]
pub(crate) struct ReclaimRent {
    /// Whose accounts [default: the wallet's]
    #[arg(long, value_name = "PUBKEY")]
    owner: Option<Pubkey>,
    #[command(flatten)]
    transaction: TransactionOptions,
}

impl ReclaimRent {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        if self.transaction.is_offline() {
            return Err(invalid(
                "--blockhash: which accounts hold too much is read from the cluster; leave it out",
            ));
        }
        let signers = self.transaction.signers()?;
        let wallet = context.wallet(&signers)?;
        let owner = self.owner.unwrap_or(wallet.pubkey());
        let mut held = context.block_on(async {
            context.cluster.require_program().await?;
            Ok(context.cluster.rent_held_too_much(&owner).await?)
        })?;
        held.truncate(ACCOUNTS_AT_ONCE);
        let lamports: u64 = held.iter().map(|account| account.lamports).sum();
        if lamports == 0 {
            return Err(invalid(format!(
                "nothing to return: no account of {owner} holds more than today's rent"
            )));
        }
        let keys: Vec<Pubkey> = held.iter().map(|held| held.key).collect();
        let count = u64::try_from(keys.len()).unwrap_or(u64::MAX);
        let accounts = counted(count, "account");
        let mut plan = TransactionPlan::default().ask(format!(
            "Return {} of {accounts} to {owner}?",
            sol(lamports)
        ));
        plan.instructions = vec![ix::reclaim_rent(&owner, &keys)];
        plan.facts.add("Rent", sol(lamports), "lamports", lamports);
        plan.facts.add("Accounts", count, "accounts", count);
        self.transaction
            .submit(context, &signers, wallet.as_ref(), plan)
    }
}
