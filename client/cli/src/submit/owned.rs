//! A deployment of the wallet's, and what it spends where.

use crate::{context::Context, output::Facts, terms::Terms};
use anyhow::Result;
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    domain::{lifecycle::Market, settings::Settings},
    instructions::Vault,
    rpc::ClusterError,
};
use solana_program::pubkey::Pubkey;

/// What was read of it before it is changed.
pub(crate) struct Owned {
    pub(crate) deployment: DeploymentAccount,
    pub(crate) terms: Terms,
}

impl Owned {
    /// Reads it, and its market and vault.
    pub(crate) async fn read(context: &Context, address: &Pubkey, owner: &Pubkey) -> Result<Self> {
        let deployment = context.own_deployment(address, owner).await?;
        let (cluster, header) = (&context.cluster, &deployment.header);
        let vault = Vault::new(*owner, header.vault_index);
        let market = match cluster.market(&header.market).await {
            // A market that is gone takes no jobs; the owner can still stop and close.
            Err(ClusterError::Missing { .. } | ClusterError::Decode { .. }) => Market::Unusable,
            market => market?,
        };
        let terms = Terms::read(cluster, header.market, market, vault).await?;
        Ok(Self { deployment, terms })
    }

    /// Its settings now.
    pub(crate) fn settings(&self) -> &Settings {
        &self.deployment.lifecycle.settings
    }

    /// When it was read, on-chain time in unix seconds.
    pub(crate) fn now(&self) -> i64 {
        self.terms.now
    }

    /// The same on a different market.
    pub(crate) fn on(&self, market: Pubkey, state: Market) -> Self {
        Self {
            deployment: self.deployment.clone(),
            terms: Terms {
                market,
                state,
                vault: self.terms.vault,
                funds: self.terms.funds,
                now: self.terms.now,
            },
        }
    }

    /// What it spends with these settings.
    pub(crate) fn terms(&self, settings: &Settings) -> Facts {
        self.terms.of(settings)
    }

    /// Its name, as people may see it, and its address; the address alone if it was not read.
    pub(crate) fn name(found: Option<&Self>, address: &Pubkey) -> String {
        match found {
            Some(found) => format!("{:?} ({address})", found.deployment.header.name()),
            None => address.to_string(),
        }
    }
}
