//! Reads all deployments now and then: notifications get lost.

use crate::Keeper;
use nosana_deploy_client::{
    accounts::DeploymentAccount, filters::DeploymentFilter, rpc::ClusterError,
};

impl Keeper {
    /// All chosen deployments, and a slot that they are not older than.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub(crate) async fn scan(&self) -> Result<(u64, Vec<DeploymentAccount>), ClusterError> {
        let (slot, _) = self.cluster.accounts_since(&[self.address()], 0).await?;
        let mut all = Vec::new();
        for filter in self.config.filters() {
            all.extend(self.found(&filter).await?);
        }
        Ok((slot, all))
    }

    async fn found(
        &self,
        filter: &DeploymentFilter,
    ) -> Result<Vec<DeploymentAccount>, ClusterError> {
        let found = self.cluster.deployments(filter).await?;
        let decoded = found.into_iter().filter_map(|(key, found)| {
            found
                .inspect_err(|error| tracing::warn!(deployment = %key, %error, "left out"))
                .ok()
        });
        Ok(decoded
            .filter(|account| self.config.wants(account))
            .collect())
    }
}
