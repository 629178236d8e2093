//! The routes of the service's API.

mod changes;
mod reads;
mod vaults;

use super::{authorization::NO_API_KEYS, refusal::Refusal, stream, Server};
use axum::{extract::State, routing::any, Json, Router};
use std::sync::Arc;
use utoipa_axum::{router::OpenApiRouter, routes};

type Answer<T> = Result<Json<T>, Refusal>;
type This = State<Arc<Server>>;

/// The routes that OpenAPI describes.
pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .merge(reads::routes())
        .merge(changes::routes())
        .merge(vaults::routes())
        .routes(routes!(stream::stream))
}

/// What the service has and nobody else could: each says why.
pub(super) fn custodial() -> Router<Arc<Server>> {
    const CREDITS: &str = "credits are the service's own money; here a vault of yours pays in NOS";
    const JOBS: &str =
        "single jobs are paid with the service's credits; here a deployment lists jobs";
    const MARKETS: &str = "names and requirements of markets are in the service's database; their accounts are on chain, `nosana-deploy market` shows one";
    const HEADER: &str = "the service signs for nodes with a vault's key, which nobody has here; give the deployment an access key, and ask nodes with `nosana-deploy logs`, `jobs` and `ssh`";
    let mut router = Router::new();
    for (path, why) in [
        ("/api/credits/{*rest}", CREDITS),
        ("/api/jobs/{*rest}", JOBS),
        ("/api/markets", MARKETS),
        ("/api/markets/", MARKETS),
        ("/api/markets/{*rest}", MARKETS),
        ("/api/auth/{*rest}", NO_API_KEYS),
        ("/api/deployments/{deployment}/header", HEADER),
    ] {
        router = router.route(path, any(move || async move { Refusal::not_here(why) }));
    }
    router
}
