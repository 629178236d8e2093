//! Reads deployments now and then: notifications get lost.

use crate::Keeper;
use futures_util::future::try_join_all;
use nosana_deploy_client::{
    accounts::DeploymentAccount, filters::DeploymentFilter, rpc::ClusterError,
};

impl Keeper {
    /// The chosen deployments in which something may become due, and a slot that they are not older
    /// than.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub(crate) async fn scan(&self) -> Result<(u64, Vec<DeploymentAccount>), ClusterError> {
        let (slot, _) = self.cluster.accounts_since(&[self.address()], 0).await?;
        let found = self.found(&self.config.due_filters()).await?;
        Ok((slot, found))
    }

    /// The chosen deployments that these filters find.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub(crate) async fn found(
        &self,
        filters: &[DeploymentFilter],
    ) -> Result<Vec<DeploymentAccount>, ClusterError> {
        let searches = filters
            .iter()
            .map(|filter| self.cluster.deployments(filter));
        let found = try_join_all(searches).await?.into_iter().flatten();
        let decoded = found.filter_map(|(key, found)| {
            found
                .inspect_err(|error| tracing::warn!(deployment = %key, %error, "left out"))
                .ok()
        });
        Ok(decoded
            .filter(|account| self.config.wants(account))
            .collect())
    }
}
