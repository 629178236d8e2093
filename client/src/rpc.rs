//! A cluster over JSON-RPC: reading, simulating, sending. With feature `rpc`.

mod error;
mod history;
mod lookup_tables;
mod read;
mod rent;
mod send;
mod snapshot;

pub use error::ClusterError;
pub use history::Span;
pub use lookup_tables::usable_table;
pub use read::{Found, Revisions};
pub use rent::Held;
pub use send::{BalanceChange, Receipt, Simulation};
pub use snapshot::Look;

use solana_commitment_config::CommitmentConfig;
use solana_rpc_client::nonblocking::rpc_client::RpcClient;
use std::time::Duration;

/// Longest wait for one answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(250);

/// A connection to an RPC node.
pub struct Cluster {
    client: RpcClient,
    /// The node's address as people may see it: paths and queries may hold keys.
    shown_url: String,
    /// How often the node is asked whether a transaction is confirmed.
    poll: Duration,
}

impl Cluster {
    /// Connects lazily: nothing is sent yet.
    pub fn new(url: &str, commitment: CommitmentConfig) -> Self {
        Self {
            client: RpcClient::new_with_timeout_and_commitment(
                url.to_owned(),
                REQUEST_TIMEOUT,
                commitment,
            ),
            shown_url: without_secrets(url),
            poll: POLL,
        }
    }

    /// The client underneath, for what is not here.
    pub fn client(&self) -> &RpcClient {
        &self.client
    }

    /// The node's address without what may be a key.
    pub fn url(&self) -> &str {
        &self.shown_url
    }
}

/// Scheme and host of a URL; providers put their keys behind them, or a password before.
pub fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    match scheme {
        "" => host.to_owned(),
        scheme => format!("{scheme}://{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_url_holds_no_key() {
        let cases = [
            ("http://127.0.0.1:8899", "http://127.0.0.1:8899"),
            (
                "https://rpc.example/v1/SECRET?key=SECRET",
                "https://rpc.example",
            ),
            ("https://user:SECRET@rpc.example/", "https://rpc.example"),
            ("https://rpc.example?api-key=SECRET", "https://rpc.example"),
        ];
        for (url, shown) in cases {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
