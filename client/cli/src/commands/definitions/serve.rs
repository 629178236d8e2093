//! `definitions serve`: the server that stubs name.

use super::requests::{Refusal, Registry};
use crate::{
    clock::now_ms,
    context::Context,
    exit::invalid,
    output::Facts,
    results_kept::{self, Kept},
};
use anyhow::Result;
use axum::{
    body::{to_bytes, Bytes},
    extract::{Path, Request, State},
    http::{
        header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE},
        HeaderMap, StatusCode,
    },
    middleware::{from_fn_with_state, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
    Router,
};
use clap::Args;
use nosana_deploy_client::job_result::MAX_RESULT_BYTES;
use solana_program::pubkey::Pubkey;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use tokio::net::TcpListener;

/// Hand confidential definitions to the nodes that run their jobs, and keep the results that they leave
///
/// Serves what this machine keeps of the wallet's deployments, until Ctrl-C. Only the node that runs a job
/// gets its definition. Put a proxy with a certificate in front: docs/confidential.md has examples.
#[derive(Args)]
pub(super) struct Serve {
    /// Where to listen; nobody else reaches the loopback address but a proxy on this machine
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9470")]
    listen: SocketAddr,
    /// Whose deployments [default: the wallet's]
    #[arg(long, value_name = "PUBKEY")]
    owner: Option<Pubkey>,
    /// Most requests a second, from everybody together
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    max_requests: u32,
}

impl Serve {
    pub(super) fn run(self, context: &Context) -> Result<()> {
        let owner = match self.owner {
            Some(owner) => owner,
            None => context.wallet_address()?,
        };
        let registry = Arc::new(Registry::new(context.another_cluster(), owner));
        let app = router(registry, self.max_requests);
        context.block_on(async {
            context.cluster.require_program().await?;
            let failed = |error| invalid(format!("--listen {}: {error}", self.listen));
            let listener = TcpListener::bind(self.listen).await.map_err(failed)?;
            let mut facts = Facts::default();
            facts.text("Serves", "listen", listener.local_addr()?);
            facts.text("Owner", "owner", owner);
            context.output.print(&facts)?;
            let stop = async {
                let _ = tokio::signal::ctrl_c().await;
            };
            Ok(axum::serve(listener, app)
                .with_graceful_shutdown(stop)
                .await?)
        })
    }
}

fn router(registry: Arc<Registry>, max_requests: u32) -> Router {
    let rate = Arc::new(Rate::new(max_requests));
    Router::new()
        .route("/{job}/job-definition", get(definition))
        .route("/{job}/results", post(results))
        .layer(from_fn_with_state(rate, limited))
        .with_state(registry)
}

/// So many requests in each second.
struct Rate {
    most: u32,
    second: Mutex<(Instant, u32)>,
}

impl Rate {
    fn new(most: u32) -> Self {
        Self {
            most,
            second: Mutex::new((Instant::now(), 0)),
        }
    }

    /// Whether one more is answered.
    fn admits(&self) -> bool {
        // Whoever panicked left a whole count.
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if second.0.elapsed().as_secs() > 0 {
            *second = (Instant::now(), 0);
        }
        second.1 = second.1.saturating_add(1);
        second.1 <= self.most
    }
}

async fn limited(State(rate): State<Arc<Rate>>, request: Request, next: Next) -> Response {
    match rate.admits() {
        true => next.run(request).await,
        false => StatusCode::TOO_MANY_REQUESTS.into_response(),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
        .into_response()
    }
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()
}

async fn definition(
    State(registry): State<Arc<Registry>>,
    Path(job): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let header = authorization(&headers);
    let served = registry.authorize(&job, header, now_ms()).await?;
    let definition = registry.definition(&served).await?;
    eprintln!("job {}: its node has the definition", served.job);
    let json = [(CONTENT_TYPE, "application/json")];
    Ok((json, definition.text().to_owned()).into_response())
}

async fn results(
    State(registry): State<Arc<Registry>>,
    Path(job): Path<String>,
    request: Request,
) -> Result<StatusCode, Refusal> {
    // Before a byte of the body is read.
    let header = authorization(request.headers());
    let served = registry.authorize(&job, header, now_ms()).await?;
    let Some(body) = body_of(request).await else {
        return Ok(StatusCode::PAYLOAD_TOO_LARGE);
    };
    Ok(match results_kept::keep(&served.job, &body) {
        Ok(Kept::Now) => {
            eprintln!("job {}: its node left a result", served.job);
            StatusCode::OK
        }
        // A node that heard no answer sends it again.
        Ok(Kept::Before) => StatusCode::OK,
        Ok(Kept::Another) => StatusCode::CONFLICT,
        Err(error) => {
            eprintln!("job {}: its result is not kept: {error}", served.job);
            StatusCode::INTERNAL_SERVER_ERROR
        }
    })
}

/// A request's body, unless it is, or says that it is, too large.
async fn body_of(request: Request) -> Option<Bytes> {
    let said = request.headers().get(CONTENT_LENGTH);
    let said = said.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    match said {
        Some(length) if length > MAX_RESULT_BYTES => None,
        _ => to_bytes(request.into_body(), MAX_RESULT_BYTES).await.ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_requests() {
        let rate = Rate::new(2);
        assert_eq!([(); 3].map(|()| rate.admits()), [true, true, false]);
    }
}
