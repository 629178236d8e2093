//! What can go wrong with a cluster, each with its next step.

use crate::{accounts::DecodeError, errors, text::printable_line, PROGRAM_ID};
use solana_program::pubkey::Pubkey;
use solana_rpc_client_api::{
    client_error::{Error, ErrorKind},
    request::{RpcError, RpcResponseErrorData},
};
use solana_transaction_error::TransactionError;

/// Why a cluster did not answer, or not as wanted.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No answer, or none that is JSON-RPC.
    #[error("{url} cannot be reached ({reason})")]
    Unreachable {
        /// The node.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// HTTP 429, after several tries.
    #[error("{0} limits how often it answers; wait a minute, or use a different RPC node")]
    RateLimited(String),
    /// The program is not on this cluster.
    #[error("the deployments program {PROGRAM_ID} is not deployed at {0}")]
    NotDeployed(String),
    /// Nothing is at an address.
    #[error("{what} {key} does not exist at {url}")]
    Missing {
        /// What was looked for, as people call it.
        what: &'static str,
        /// Where.
        key: Pubkey,
        /// The node.
        url: String,
    },
    /// Something else is at an address.
    #[error("{key}: {error}")]
    Decode {
        /// Where.
        key: Pubkey,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// The node answers from the past.
    #[error("{url} is at slot {slot}, behind slot {at_least} that was seen before; wait, or use a different RPC node")]
    Stale {
        /// The node.
        url: String,
        /// Where it is.
        slot: u64,
        /// Where it should be.
        at_least: u64,
    },
    /// The transaction would fail; it was not sent.
    #[error("{0}")]
    Refused(String),
    /// The transaction failed; its fee is paid, and nothing else changed.
    #[error("{reason}; transaction {signature} only cost its fee")]
    Failed {
        /// Its name.
        signature: String,
        /// The slot that holds it.
        slot: u64,
        /// Why, as a sentence.
        reason: String,
    },
    /// Nothing is known of the transaction, and it has not expired.
    #[error("transaction {signature} is not confirmed and may still land until {until}; look whether it took effect before you sign again")]
    Unconfirmed {
        /// Its name.
        signature: String,
        /// What would make sure that it never lands.
        until: String,
    },
    /// The blockhash expired before the cluster confirmed the transaction.
    #[error("transaction {0} was not confirmed before its blockhash expired; look whether it took effect, then sign again, with a priority fee if the cluster is busy")]
    Expired(String),
    /// The node refused the request.
    #[error("{url} refused the request: {reason}")]
    Rpc {
        /// The node.
        url: String,
        /// Its words.
        reason: String,
    },
}

impl ClusterError {
    /// Whether the same request may succeed in a moment.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::RateLimited(_) | Self::Stale { .. }
        )
    }
}

impl super::Cluster {
    /// Sorts an RPC error; `programs` holds the programs of the transaction that was sent, if any.
    pub(super) fn explain(&self, error: Error, programs: &[Pubkey]) -> ClusterError {
        const TOO_MANY_REQUESTS: u16 = 429;
        let url = self.url().to_owned();
        match *error.kind {
            ErrorKind::Reqwest(reason)
                if reason
                    .status()
                    .is_some_and(|status| status.as_u16() == TOO_MANY_REQUESTS) =>
            {
                ClusterError::RateLimited(url)
            }
            // `without_url`: the address may hold a key.
            ErrorKind::Reqwest(reason) => {
                let reason = innermost(&reason.without_url());
                ClusterError::Unreachable { url, reason }
            }
            ErrorKind::Middleware(reason) => {
                let reason = innermost(reason.as_ref());
                ClusterError::Unreachable { url, reason }
            }
            ErrorKind::Io(reason) => {
                let reason = reason.to_string();
                ClusterError::Unreachable { url, reason }
            }
            ErrorKind::TransactionError(reason) => {
                ClusterError::Refused(errors::explain(&reason, programs, &[]))
            }
            ErrorKind::RpcError(RpcError::RpcResponseError { message, data, .. }) => {
                if let RpcResponseErrorData::SendTransactionPreflightFailure(result) = data {
                    if let Some(reason) = result.err {
                        let logs = result.logs.unwrap_or_default();
                        let reason = TransactionError::from(reason);
                        return ClusterError::Refused(errors::explain(&reason, programs, &logs));
                    }
                }
                let reason = printable_line(&message);
                ClusterError::Rpc { url, reason }
            }
            other => {
                let reason = printable_line(&other.to_string());
                ClusterError::Rpc { url, reason }
            }
        }
    }
}

/// The last cause, which is the one that says what happened: "Connection refused (os error 111)".
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    printable_line(&cause.to_string())
}
