//! /metrics, /healthz and /readyz.

use crate::{Keeper, KeeperError};
use axum::{
    extract::State,
    http::{header, StatusCode},
    response::IntoResponse,
    routing::get,
    Router,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// A loop that has not gone round for this long hangs.
const LONGEST_ROUND: Duration = Duration::from_secs(60);
/// A keeper that has not heard of its cluster for this long does nothing useful.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// Answers until the process ends. Returns the address, because port 0 means any port.
pub(crate) async fn serve(
    keeper: Arc<Keeper>,
    address: SocketAddr,
) -> Result<SocketAddr, KeeperError> {
    let failed = |error| KeeperError::Listen { address, error };
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let app = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(keeper);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(bound)
}

async fn metrics(State(keeper): State<Arc<Keeper>>) -> impl IntoResponse {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    (
        [(header::CONTENT_TYPE, OPEN_METRICS)],
        keeper.metrics.text(),
    )
}

/// Alive: else it helps to restart it.
async fn healthz(State(keeper): State<Arc<Keeper>>) -> impl IntoResponse {
    answer(
        keeper.metrics.looped.is_within(LONGEST_ROUND),
        "its loop hangs",
    )
}

/// Working: it has seen all deployments not long ago, and its cluster answers.
async fn readyz(State(keeper): State<Arc<Keeper>>) -> impl IntoResponse {
    let metrics = &keeper.metrics;
    let longest = keeper.config.rescan.saturating_mul(3);
    if !metrics.answered.is_within(LONGEST_SILENCE) {
        return answer(false, "the cluster does not answer");
    }
    if metrics.subscribed.get() == 0 {
        return answer(
            false,
            "no subscriptions: the keeper learns of changes by scans alone",
        );
    }
    answer(
        metrics.scanned.is_within(longest),
        "no scan of all deployments has succeeded lately",
    )
}

fn answer(good: bool, else_why: &'static str) -> (StatusCode, &'static str) {
    match good {
        true => (StatusCode::OK, "ok\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, else_why),
    }
}
