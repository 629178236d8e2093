//! What requests hold, read so that every mistake is answered as all others are.

use super::refusal::Refusal;
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{header::CONTENT_TYPE, request::Parts, StatusCode},
};
use serde::de::DeserializeOwned;

/// The largest body: 1 MiB.
pub(super) const MAX_BODY_BYTES: usize = 1 << 20;

/// A request's JSON.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let kind = request.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // A form of somebody else's page can send neither.
        let is_json = kind.split(';').next().unwrap_or_default().trim() == "application/json";
        let bytes = Bytes::from_request(request, state).await.map_err(|_| {
            Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body is larger than {MAX_BODY_BYTES} bytes, or broke off"),
            )
        })?;
        if !is_json {
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Content-Type: use application/json",
            ));
        }
        let read = serde_json::from_slice(&bytes);
        read.map(Self)
            .map_err(|error| Refusal::invalid(format!("JSON: {error}")))
    }
}

/// A request's query.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let found = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        found
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|error| Refusal::invalid(format!("query: {}", error.body_text())))
    }
}
