//! Reads deployments now and then: notifications get lost.

use crate::Keeper;
use futures_util::future::try_join_all;
use nosana_deploy_client::{
    accounts::DeploymentAccount, filters::DeploymentFilter, rpc::ClusterError,
};

/// When deployments are scanned, and how thoroughly.
#[derive(Debug, Default)]
pub(crate) struct Scans {
    is_running: bool,
    /// What happened may not have been told, so the next scan looks at everything.
    everything: bool,
    /// The scan under way may have read before what was missed.
    again: bool,
}

impl Scans {
    /// Whether a scan is to begin: not while one is under way.
    pub(crate) fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.is_running, true)
    }

    /// Something may have happened that nobody told: before subscriptions were in place, or while a scan
    /// failed.
    pub(crate) fn missed(&mut self) {
        self.everything = true;
        self.again |= self.is_running;
    }

    /// Whether what the scan under way found is all to be looked at.
    pub(crate) fn takes_everything(&mut self) -> bool {
        std::mem::take(&mut self.everything)
    }

    /// The scan under way is over. Returns whether another one is to begin at once.
    pub(crate) fn end(&mut self) -> bool {
        self.is_running = false;
        let again = std::mem::take(&mut self.again);
        self.everything |= again;
        again
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_while_a_scan_ran_is_scanned_for_again() {
        let mut scans = Scans::default();
        scans.missed();
        assert!(scans.begin() && !scans.begin(), "one at a time");
        // Subscriptions come up while it runs: it may have read before.
        scans.missed();
        assert!(scans.takes_everything());
        assert!(scans.end(), "at once");
        assert!(scans.begin());
        assert!(scans.takes_everything(), "and everything");
        assert!(!scans.end());
        assert!(scans.begin());
        assert!(!scans.takes_everything(), "then what changed");
    }
}
