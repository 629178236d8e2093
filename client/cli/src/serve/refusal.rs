//! Why a request is refused, as its answer says it: a status, and `{"error": ...}` as the service's API has it.

use crate::exit::Invalid;
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
    Json,
};
use nosana_deploy_client::{
    rpc::ClusterError, spec::SpecErrors, text::printable, transaction::AssemblyError,
};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

/// A refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) why: String,
}

/// The body of every answer that refuses something.
#[derive(Serialize, ToSchema)]
pub(super) struct ErrorBody {
    /// What is wrong, and what would be right.
    error: String,
}

/// What every route may answer besides what it is for.
#[derive(IntoResponses)]
pub(super) enum Failures {
    /// The request is not valid, or may not be done.
    #[response(status = "4XX")]
    #[allow(dead_code)] // It describes answers, and is none.
    Request(#[to_schema] ErrorBody),
    /// Somebody who was asked does not answer: the cluster, an IPFS API.
    #[response(status = "5XX")]
    #[allow(dead_code)] // It describes answers, and is none.
    Asked(#[to_schema] ErrorBody),
}

impl Refusal {
    pub(super) fn new(status: StatusCode, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { status, why }
    }

    /// The request is not valid.
    pub(super) fn invalid(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }

    /// Nobody is known to have signed it.
    pub(super) fn unauthorized(why: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, why)
    }

    /// It may not be done for whoever asks.
    pub(super) fn forbidden(why: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, why)
    }

    /// There is no such thing.
    pub(super) fn missing(why: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, why)
    }

    /// The service has it, and nobody could without being the service.
    pub(super) fn not_here(why: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, why)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        // Names on chain, and what clusters answer, are somebody else's words.
        let error = printable(&self.why);
        (self.status, Json(ErrorBody { error })).into_response()
    }
}

impl From<ClusterError> for Refusal {
    fn from(error: ClusterError) -> Self {
        let status = match error {
            ClusterError::Missing { .. } | ClusterError::Decode { .. } => StatusCode::NOT_FOUND,
            ClusterError::Refused(_) | ClusterError::Failed { .. } => StatusCode::CONFLICT,
            ClusterError::Unconfirmed { .. } | ClusterError::Expired(_) => {
                StatusCode::GATEWAY_TIMEOUT
            }
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.to_string())
    }
}

impl From<SpecErrors> for Refusal {
    fn from(errors: SpecErrors) -> Self {
        Self::invalid(errors.to_string())
    }
}

impl From<AssemblyError> for Refusal {
    fn from(error: AssemblyError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        let error = match error.downcast::<ClusterError>() {
            Ok(cluster) => return cluster.into(),
            Err(error) => error,
        };
        let is_input = error.is::<Invalid>() || error.is::<SpecErrors>();
        let status = match is_input || error.is::<AssemblyError>() {
            true => StatusCode::BAD_REQUEST,
            // Somebody who was asked: an IPFS API, a gateway.
            false => StatusCode::BAD_GATEWAY,
        };
        Self::new(status, format!("{error:#}"))
    }
}
