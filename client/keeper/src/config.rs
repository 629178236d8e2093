//! A keeper's settings.

use nosana_deploy_client::{
    accounts::DeploymentAccount, domain::status::Status, filters::DeploymentFilter,
    transaction::priority_fee,
};
use solana_program::pubkey::Pubkey;
use std::{net::SocketAddr, time::Duration};

/// A keeper's settings, complete. Start from [`Config::new`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Only deployments of these wallets; of all, if empty.
    pub owners: Vec<Pubkey>,
    /// Only deployments on these markets; on all, if empty.
    pub markets: Vec<Pubkey>,
    /// Only these deployments; all that the wallets and markets leave, if empty.
    pub deployments: Vec<Pubkey>,
    /// Address for subscriptions, `ws://` or `wss://`.
    pub ws_url: String,
    /// Skip what the deployment's reward does not pay for, and all housekeeping. Anything else is for
    /// chosen owners or markets: everybody else could have the keeper work for nothing.
    pub profitable_only: bool,
    /// Leave deployments alone that pay less for a job, in lamports.
    pub min_reward_lamports: u64,
    /// Most lamports that are lost on one owner's deployments an hour.
    pub max_loss_lamports_per_hour: u64,
    /// Pay for the token accounts of nodes that have none, where that ends their jobs. The node can
    /// close such an account and keep its rent.
    pub creates_node_accounts: bool,
    /// Most priority fee, micro-lamports per compute unit.
    pub max_compute_unit_price_micro_lamports: u64,
    /// Priority fee where the node cannot say what recent transactions paid, micro-lamports per compute
    /// unit; never more than the most.
    pub fallback_compute_unit_price_micro_lamports: u64,
    /// Deployments dealt with at the same time, from 1.
    pub parallel: usize,
    /// Between two scans of all deployments.
    pub rescan: Duration,
    /// Between two rounds of housekeeping.
    pub housekeeping: Duration,
    /// Wait up to this long before acting, a different time for each keeper and deployment.
    pub stagger: Duration,
    /// Address lookup tables to use.
    pub lookup_tables: Vec<Pubkey>,
    /// Create a lookup table where many jobs of a market need one.
    pub creates_lookup_table: bool,
    /// Send nothing that leaves the wallet with less, unless it earns something.
    pub low_balance_lamports: u64,
    /// Where /metrics, /healthz and /readyz are answered.
    pub metrics: Option<SocketAddr>,
    /// Simulate and log what would be sent; sign and send nothing.
    pub dry_run: bool,
}

impl Config {
    /// Every deployment that pays, with the defaults of `nosana-deploy keeper` but without metrics.
    pub fn new(ws_url: impl Into<String>) -> Self {
        Self {
            owners: Vec::new(),
            markets: Vec::new(),
            deployments: Vec::new(),
            ws_url: ws_url.into(),
            profitable_only: true,
            min_reward_lamports: 0,
            max_loss_lamports_per_hour: 1_000_000,
            creates_node_accounts: false,
            max_compute_unit_price_micro_lamports: 100_000,
            fallback_compute_unit_price_micro_lamports: 10_000,
            parallel: 64,
            rescan: Duration::from_secs(300),
            housekeeping: Duration::from_secs(3_600),
            stagger: Duration::from_secs(2),
            lookup_tables: Vec::new(),
            creates_lookup_table: true,
            low_balance_lamports: 50_000_000,
            metrics: None,
            dry_run: false,
        }
    }

    /// Filters that together find every wanted deployment in which something may become due.
    pub(crate) fn due_filters(&self) -> Vec<DeploymentFilter> {
        let restless = Status::ALL.into_iter().filter(|status| !status.is_quiet());
        let in_status = |status| {
            let filters = self.filters().into_iter();
            filters.map(move |filter| DeploymentFilter {
                status: Some(status),
                ..filter
            })
        };
        restless.flat_map(in_status).collect()
    }

    /// Filters that together find every deployment that is wanted.
    pub(crate) fn filters(&self) -> Vec<DeploymentFilter> {
        let of_owner = |owner: &Pubkey| DeploymentFilter {
            owner: Some(*owner),
            ..Default::default()
        };
        let on_market = |market: &Pubkey| DeploymentFilter {
            market: Some(*market),
            ..Default::default()
        };
        match (&self.owners[..], &self.markets[..]) {
            ([], []) => vec![DeploymentFilter::default()],
            ([], markets) => markets.iter().map(on_market).collect(),
            (owners, _) => owners.iter().map(of_owner).collect(),
        }
    }

    /// Whether a deployment is one of the chosen, and pays enough. Asked before any request is spent on it.
    pub(crate) fn wants(&self, deployment: &DeploymentAccount) -> bool {
        let header = &deployment.header;
        let among = |chosen: &[Pubkey], key| chosen.is_empty() || chosen.contains(key);
        among(&self.owners, &header.owner)
            && among(&self.markets, &header.market)
            && among(&self.deployments, &deployment.address)
            && header.keeper_reward_lamports >= self.least_reward()
    }

    /// What a job must pay at least, in lamports.
    fn least_reward(&self) -> u64 {
        self.min_reward_lamports.max(self.profitable_only.into())
    }

    /// Whether every deployment is wanted.
    pub(crate) fn wants_all(&self) -> bool {
        self.owners.is_empty() && self.markets.is_empty() && self.deployments.is_empty()
    }

    /// Whether finished jobs are cleaned: not for a few chosen deployments, because all jobs are searched.
    pub(crate) fn keeps_house(&self) -> bool {
        !self.profitable_only && self.deployments.is_empty()
    }

    /// What a transaction pays per compute unit, after what recent ones paid, if that is known.
    pub(crate) fn compute_unit_price(&self, recent: Option<&[u64]>) -> u64 {
        let most = self.max_compute_unit_price_micro_lamports;
        recent.map_or_else(
            || self.fallback_compute_unit_price_micro_lamports.min(most),
            |recent| priority_fee(recent, most),
        )
    }

    /// Whether lookup tables are made, and grow.
    pub(crate) fn grows_lookup_tables(&self) -> bool {
        self.creates_lookup_table && !self.profitable_only && !self.dry_run
    }

    /// Whether recent fees matter.
    pub(crate) fn pays_priority_fees(&self) -> bool {
        self.max_compute_unit_price_micro_lamports > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_priority_fee_has_a_bound_also_where_nothing_is_known_of_recent_ones() {
        let config = |fallback| Config {
            max_compute_unit_price_micro_lamports: 500,
            fallback_compute_unit_price_micro_lamports: fallback,
            ..Config::new("ws://localhost")
        };
        assert_eq!(config(200).compute_unit_price(None), 200);
        assert_eq!(config(501).compute_unit_price(None), 500);
        assert_eq!(config(200).compute_unit_price(Some(&[900; 4])), 500);
        assert_eq!(config(200).compute_unit_price(Some(&[])), 0);
    }

    #[test]
    fn the_chosen_are_found_by_the_fewest_requests() {
        let [a, b, c]: [Pubkey; 3] = std::array::from_fn(|_| Pubkey::new_unique());
        let all = Config::new("ws://localhost");
        assert_eq!(all.filters(), [DeploymentFilter::default()]);
        assert!(all.wants_all());
        let owners = Config {
            owners: vec![a, b],
            markets: vec![c],
            ..all.clone()
        };
        let filters = owners.filters();
        assert_eq!(filters.len(), 2);
        assert!(filters.iter().all(|filter| filter.market.is_none()));
        let markets = Config {
            markets: vec![a, b],
            ..all
        };
        assert_eq!(markets.filters().len(), 2);
        let due = markets.due_filters();
        assert_eq!(
            due.len(),
            2 * 5,
            "five of eight statuses have something due"
        );
        let quiet = |filter: &DeploymentFilter| filter.status.is_none_or(Status::is_quiet);
        assert!(!due.iter().any(quiet));
        assert!(!markets.wants_all());
        let one = Config {
            deployments: vec![a],
            ..owners
        };
        assert_eq!(one.filters().len(), 2, "looked for among their owners'");
        assert!(!one.wants_all());
    }
}
