//! The headers of Solana Actions.

use axum::{
    extract::Request,
    http::{
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
        },
        HeaderName, HeaderValue, Method, StatusCode,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Where transactions to sign are made.
const PLACE: &str = "/api/transactions/";

/// What Solana Actions want in every answer, so that any page may show one. Nothing there acts for anybody.
pub(in crate::serve) async fn for_everybody(request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 6] = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET,POST,OPTIONS"),
        (
            ACCESS_CONTROL_ALLOW_HEADERS,
            "Content-Type,Authorization,Content-Encoding,Accept-Encoding",
        ),
        (
            ACCESS_CONTROL_EXPOSE_HEADERS,
            "X-Action-Version,X-Blockchain-Ids",
        ),
        (HeaderName::from_static("x-action-version"), "2.4"),
        (HeaderName::from_static("x-blockchain-ids"), CHAIN_ID),
    ];
    if !request.uri().path().starts_with(PLACE) {
        return next.run(request).await;
    }
    let mut response = match *request.method() {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// As CAIP-2 names the cluster.
#[cfg(not(feature = "devnet"))]
const CHAIN_ID: &str = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp";
/// As CAIP-2 names the cluster.
#[cfg(feature = "devnet")]
const CHAIN_ID: &str = "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1";
