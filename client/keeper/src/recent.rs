//! What every transaction needs and what changes slowly: a blockhash, and what recent transactions paid.
//! A hundred deployments that fire at the same time ask for it once.

use crate::Keeper;
use nosana_deploy_client::{rpc::ClusterError, transaction::Lifetime};
use solana_program::pubkey::Pubkey;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// A blockhash lives for half a minute at least; one of this age has nearly all of that before it.
const BLOCKHASH_AGE: Duration = Duration::from_secs(2);
/// A node remembers what 150 slots paid, which is a minute.
const FEES_AGE: Duration = Duration::from_secs(10);
/// More markets than this are forgotten.
const MOST_MARKETS: usize = 1_000;

/// Answers that are still good. Each is locked while it is fetched, so that all who need it wait for one
/// request.
#[derive(Default)]
pub(crate) struct Recent {
    blockhash: Mutex<Option<(Instant, Lifetime)>>,
    /// Micro-lamports per compute unit, by the market that transactions wrote.
    prices: Mutex<HashMap<Option<Pubkey>, (Instant, u64)>>,
}

impl Keeper {
    /// A recent blockhash.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub(crate) async fn blockhash(&self) -> Result<Lifetime, ClusterError> {
        let mut known = self.recent.blockhash.lock().await;
        if let Some((_, lifetime)) = known.filter(|(at, _)| at.elapsed() < BLOCKHASH_AGE) {
            return Ok(lifetime);
        }
        let asked = Instant::now();
        let lifetime = Lifetime::Blockhash(self.cluster.latest_blockhash().await?.0);
        *known = Some((asked, lifetime));
        Ok(lifetime)
    }

    /// What a transaction that has to do with a market, or with none, pays per compute unit, in
    /// micro-lamports. If the node does not say what recent ones paid, the configured price.
    pub(crate) async fn compute_unit_price(&self, market: Option<Pubkey>) -> u64 {
        if !self.config.pays_priority_fees() {
            return 0;
        }
        let mut known = self.recent.prices.lock().await;
        let fresh = known.get(&market).filter(|(at, _)| at.elapsed() < FEES_AGE);
        if let Some((_, price)) = fresh {
            return *price;
        }
        let asked = Instant::now();
        let recent = self.cluster.recent_fees(market.as_slice()).await;
        if let Err(error) = &recent {
            self.rpc_failed("reading recent fees", error);
        }
        let price = self.config.compute_unit_price(recent.ok().as_deref());
        if known.len() >= MOST_MARKETS {
            known.clear();
        }
        known.insert(market, (asked, price));
        price
    }
}
