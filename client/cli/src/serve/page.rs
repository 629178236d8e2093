//! The page, and what it asks besides the service's API.

use super::{
    authorization::is_local,
    bodies::{date_time, DeploymentBody, EndpointBody},
    body::{Body, Query},
    refusal::{Failures, Refusal},
    Server,
};
use crate::commands::{
    endpoints::{ask, asker},
    status::why,
    vault::{snapshots_of, vault_lines, VaultLine},
    LeftOut,
};
use axum::{
    extract::{Path, State},
    http::header::{HeaderName, CONTENT_TYPE},
    routing::get,
    Json, Router,
};
use nosana_deploy_client::{forecast::firings, markets::price_per_second, DeploymentSpec};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use solana_program::pubkey::Pubkey;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

type This = State<Arc<Server>>;

/// The page's files; there is no build step.
pub(super) fn files() -> Router<Arc<Server>> {
    type File = ([(HeaderName, &'static str); 1], &'static str);
    const fn file(kind: &'static str, text: &'static str) -> File {
        ([(CONTENT_TYPE, kind)], text)
    }
    let html = file("text/html; charset=utf-8", include_str!("page/index.html"));
    let script = file(
        "text/javascript; charset=utf-8",
        include_str!("page/app.js"),
    );
    let style = file("text/css; charset=utf-8", include_str!("page/style.css"));
    let icon = file("image/svg+xml", include_str!("page/icon.svg"));
    Router::new()
        .route("/", get(move || async move { html }))
        .route("/app.js", get(move || async move { script }))
        .route("/style.css", get(move || async move { style }))
        .route("/icon.svg", get(move || async move { icon }))
}

/// The routes that OpenAPI describes.
pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(overview))
        .routes(routes!(endpoint_states))
        .routes(routes!(validate))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// A wallet's address.
    owner: String,
}

/// What a wallet has.
#[derive(Serialize, ToSchema)]
struct Overview {
    owner: String,
    /// The cluster, as wallets call it.
    chain: &'static str,
    wallet_lamports: u64,
    /// NOS base units.
    wallet_nos: u64,
    /// Each with what it holds, what draws on it, and how long it lasts.
    #[schema(value_type = Vec<Object>)]
    vaults: Vec<Value>,
    deployments: Vec<Shown>,
}

/// A deployment, and what is to be expected of it.
#[derive(Serialize, ToSchema)]
struct Shown {
    #[serde(flatten)]
    body: DeploymentBody,
    /// Its number among its owner's.
    number: u64,
    vault_index: u16,
    /// Why it is in its status, in a sentence.
    why: String,
    /// The next three.
    firings: Vec<String>,
    /// NOS base units per second that its market asks; `null` if it takes no jobs.
    price_per_second: Option<u64>,
}

/// What wallets call the cluster at an address.
fn chain(url: &str) -> &'static str {
    let place = url.split_once("://").map_or(url, |(_, place)| place);
    let host = place.split('/').next().unwrap_or_default();
    match is_local(host) {
        true => "solana:localnet",
        false if cfg!(feature = "devnet") => "solana:devnet",
        false => "solana:mainnet",
    }
}

/// A wallet's deployments and vaults.
#[utoipa::path(get, path = "/api/overview", tag = "Page", params(Whose),
    responses((status = 200, body = Overview), Failures))]
async fn overview(
    State(server): This,
    Query(whose): Query<Whose>,
) -> Result<Json<Overview>, Refusal> {
    const FIRINGS: usize = 3;
    const WEEK: i64 = 7 * 86_400;
    let owner: Pubkey = whose.owner.parse().map_err(|_| {
        Refusal::invalid(format!("owner: {:?} is not a base58 address", whose.owner))
    })?;
    let cluster = &server.context.cluster;
    let snapshots = snapshots_of(cluster, &owner, &mut LeftOut::default()).await?;
    let wallet = cluster.wallet_funds(&owner).await?;
    let lines = vault_lines(cluster, &owner, &snapshots, None).await?;
    let accounts = snapshots.iter().map(|snapshot| snapshot.deployment.clone());
    let accounts: Vec<_> = accounts.collect();
    let bodies = server.deployment_bodies(&accounts).await;
    let mut deployments = Vec::new();
    for (snapshot, body) in snapshots.iter().zip(bodies) {
        let header = &snapshot.deployment.header;
        let until = snapshot.now.saturating_add(WEEK);
        let times = firings(snapshot, until).into_iter().take(FIRINGS);
        deployments.push(Shown {
            body,
            number: header.id,
            vault_index: header.vault_index,
            why: why(snapshot),
            firings: times.map(date_time).collect(),
            price_per_second: price_per_second(&snapshot.market),
        });
    }
    Ok(Json(Overview {
        owner: owner.to_string(),
        chain: chain(cluster.url()),
        wallet_lamports: wallet.lamports,
        wallet_nos: wallet.nos,
        vaults: lines.iter().map(VaultLine::json).collect(),
        deployments,
    }))
}

/// An address, and whether it answers.
#[derive(Serialize, ToSchema)]
struct Asked {
    #[serde(flatten)]
    endpoint: EndpointBody,
    /// `up`, `down`, or `unknown` if nobody says that there is something.
    state: &'static str,
    latency_ms: u64,
}

/// Whether a deployment's addresses answer: each is asked now.
#[utoipa::path(get, path = "/api/deployments/{deployment}/endpoints", tag = "Page",
    params(("deployment" = String, Path, description = "Its address")),
    responses((status = 200, body = Vec<Asked>), Failures))]
async fn endpoint_states(
    State(server): This,
    Path(id): Path<String>,
) -> Result<Json<Vec<Asked>>, Refusal> {
    let deployment = server.deployment(&id).await?;
    let endpoints = server.endpoints(&deployment).await;
    let client = asker(endpoints.iter().map(|endpoint| endpoint.url.as_str()))?;
    let mut asked = Vec::new();
    for endpoint in endpoints {
        let answer = ask(&client, &endpoint.url).await;
        asked.push(Asked {
            endpoint,
            state: answer.state,
            latency_ms: u64::try_from(answer.latency.as_millis()).unwrap_or(u64::MAX),
        });
    }
    Ok(Json(asked))
}

/// A deployment's JSON as it stands in an editor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Draft {
    /// Comments are allowed.
    json: String,
}

/// What is wrong with a draft; nothing, if nothing is.
#[derive(Serialize, ToSchema)]
struct Checked {
    problems: Vec<Problem>,
}

#[derive(Serialize, ToSchema)]
struct Problem {
    /// The field's place, for example `job_definition.ops[0].id`.
    field: String,
    /// Its value; `null` if it is missing.
    value: Option<String>,
    /// What would be valid.
    valid: String,
}

/// Check a deployment's JSON. Nothing is kept of it.
#[utoipa::path(post, path = "/api/validate", tag = "Page", request_body = Draft,
    responses((status = 200, body = Checked), Failures))]
async fn validate(Body(draft): Body<Draft>) -> Json<Checked> {
    let errors = DeploymentSpec::from_json(&draft.json).err();
    let errors = errors.into_iter().flat_map(|errors| errors.0);
    let problems = errors.map(|error| Problem {
        field: error.field,
        value: error.value,
        valid: error.valid,
    });
    Json(Checked {
        problems: problems.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wallets_call_a_localnet_by_its_own_name() {
        assert_eq!(chain("http://127.0.0.1:8899"), "solana:localnet");
        assert_eq!(chain("http://localhost:8899/"), "solana:localnet");
        assert_ne!(chain("https://api.example.com"), "solana:localnet");
    }
}
