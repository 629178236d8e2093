//! Why a keeper stops, or leaves a deployment for later.

use nosana_deploy_client::{keeper::plan::Action, rpc::ClusterError};
use std::net::SocketAddr;

/// What can go wrong for a keeper.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The cluster did not answer, or refused.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A simulation refused an action that the plan proposed, twice.
    #[error("{action} is refused: {reason}")]
    Refused {
        /// The action.
        action: Action,
        /// What the simulation said.
        reason: String,
    },
    /// A deployment kept having something due.
    #[error("{0} actions in a row")]
    TooManyActions(usize),
    /// `run_once` left deployments as they were.
    #[error("{0} deployments could not be dealt with; see the log")]
    Unfinished(usize),
    /// The node does not take subscriptions.
    #[error("subscriptions: {0}")]
    Subscription(String),
    /// The address for metrics is taken, or not this machine's.
    #[error("metrics cannot be served at {address}: {error}; choose a different address, or none")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// The keeper was told to stop; what is left is for others.
    #[error("stopping")]
    Stopping,
    /// A task of the keeper's ended by itself, which is a bug.
    #[error("the {0} task stopped")]
    Stopped(&'static str),
}
