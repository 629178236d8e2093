//! Transactions for wallets to sign: each as Solana Actions and Solana Pay ask for it. The server holds no key.

mod asked;
mod headers;
mod send;

pub(super) use headers::for_everybody;

use super::{
    act::unsigned_base64,
    body::{Body, Query},
    refusal::{Failures, Refusal},
    wish::Plan,
    Server,
};
use asked::{required, Asked};
use axum::{
    extract::{Path, State},
    http::{header::HOST, HeaderMap},
    Json,
};
use nosana_deploy_client::{
    instructions::{nos_account_address, Vault},
    rpc::Simulation,
    seeds,
};
use serde::Serialize;
use serde_json::{json, Map, Value};
use solana_program::pubkey::Pubkey;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

type This = State<Arc<Server>>;

/// The routes that OpenAPI describes.
pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(describe, make))
        .routes(routes!(send::send))
}

/// What a wallet may sign here, its title, and what it takes besides `account`.
const ACTIONS: [(&str, &str, &[&str]); 8] = [
    ("create", "Create a deployment", &["deployment"]),
    ("fund", "Fund a vault", &["vault", "nos", "sol"]),
    ("start", "Start a deployment", &["deployment"]),
    ("stop", "Stop a deployment", &["deployment"]),
    (
        "update",
        "Change a deployment",
        &["deployment", "replicas", "timeout", "schedule", "name"],
    ),
    (
        "extend",
        "Add replicas to a deployment",
        &["deployment", "replicas"],
    ),
    (
        "withdraw",
        "Withdraw from a vault",
        &["vault", "nos", "sol"],
    ),
    ("archive", "Archive a deployment", &["deployment"]),
];

/// A transaction to sign.
#[derive(Serialize, ToSchema)]
struct Made {
    /// Always `transaction`.
    r#type: &'static str,
    /// Version 0, in base64, for `account` to sign within a minute.
    transaction: String,
    /// What it does, in words.
    message: String,
    /// What accounts would hold after it, for those whose balance changes: simulated.
    changes: Vec<Change>,
    /// The deployment that it is about.
    deployment: Option<String>,
    /// What nodes will fetch: pin it before the deployment starts. `/api/transactions/send` does.
    definition: Option<Pinned>,
}

#[derive(Serialize, ToSchema)]
struct Change {
    account: String,
    /// Whose it is, if that is known.
    name: &'static str,
    lamports_before: u64,
    lamports_after: u64,
    /// NOS base units.
    nos_before: u64,
    /// NOS base units.
    nos_after: u64,
}

#[derive(Serialize, ToSchema)]
struct Pinned {
    cid: String,
    text: String,
}

/// What an action is: for wallets that show links as buttons, and for those that scan them.
#[utoipa::path(get, path = "/api/transactions/{action}", tag = "Transactions to sign",
    params(("action" = String, Path, description = "create, fund, start, stop, update, extend, withdraw or archive")),
    responses((status = 200, body = Object), Failures))]
async fn describe(Path(action): Path<String>, headers: HeaderMap) -> Result<Json<Value>, Refusal> {
    let (name, title, takes) = known(&action)?;
    let parameters: Vec<Value> = takes
        .iter()
        .map(|field| json!({"name": field, "label": field, "required": *field == "deployment"}))
        .collect();
    let link: Vec<String> = takes
        .iter()
        .map(|field| format!("{field}={{{field}}}"))
        .collect();
    let href = format!("/api/transactions/{name}?{}", link.join("&"));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    Ok(Json(json!({
        "type": "action",
        "icon": format!("http://{}/icon.svg", host.unwrap_or_default()),
        "title": title,
        "description": "Deployments on Nosana's GPU markets, held and enforced on chain",
        "label": title,
        "links": {"actions": [{"type": "transaction", "label": title, "href": href, "parameters": parameters}]},
    })))
}

fn known(action: &str) -> Result<(&'static str, &'static str, &'static [&'static str]), Refusal> {
    let found = ACTIONS.into_iter().find(|(name, ..)| *name == action);
    found.ok_or_else(|| {
        let names: Vec<&str> = ACTIONS.iter().map(|(name, ..)| *name).collect();
        Refusal::missing(format!(
            "action {action:?} is not known; use {}",
            names.join(", ")
        ))
    })
}

/// Make a transaction for a wallet to sign. Nothing is sent.
#[utoipa::path(post, path = "/api/transactions/{action}", tag = "Transactions to sign",
    params(("action" = String, Path, description = "create, fund, start, stop, update, extend, withdraw or archive")),
    request_body = Asked,
    responses((status = 200, body = Made), Failures))]
async fn make(
    State(server): This,
    Path(action): Path<String>,
    Query(query): Query<Map<String, Value>>,
    Body(body): Body<Map<String, Value>>,
) -> Result<Json<Made>, Refusal> {
    let (action, _, takes) = known(&action)?;
    let mut all = query;
    all.extend(body);
    if let Some(name) = all
        .keys()
        .find(|name| *name != "account" && !takes.contains(&name.as_str()))
    {
        return Err(Refusal::invalid(format!(
            "{name}: not a field of {action}; use account, {}",
            takes.join(", ")
        )));
    }
    let asked: Asked = serde_json::from_value(Value::Object(all))
        .map_err(|error| Refusal::invalid(format!("JSON: {error}")))?;
    let account = required(&asked.account, "account", "the wallet that will sign")?;
    let account: Pubkey = account.parse().map_err(|_| {
        Refusal::invalid(format!(
            "account: {account:?} is not valid; use a wallet's base58 address"
        ))
    })?;
    let wish = asked.wish(&server, action).await?;
    let plan = server.plan(&account, wish).await?;
    let (message, simulation) = server.unsigned(&account, &plan).await?;
    if let Some(publish) = &plan.publish {
        server.await_publication(publish).await;
    }
    Ok(Json(Made {
        r#type: "transaction",
        transaction: unsigned_base64(message)?,
        changes: changes(&account, &plan, &simulation),
        message: plan.message,
        deployment: plan.deployment.map(|address| address.to_string()),
        definition: plan.publish.map(|publish| Pinned {
            cid: publish.pinned.cid(),
            text: publish.pinned.text().to_owned(),
        }),
    }))
}

fn changes(account: &Pubkey, plan: &Plan, simulation: &Simulation) -> Vec<Change> {
    let vaults = (0..4).map(|index| Vault::new(*account, index));
    let vaults: Vec<Vault> = vaults.collect();
    let name = |key: &Pubkey| match () {
        () if key == account => "your wallet",
        () if *key == nos_account_address(account) => "your wallet's NOS",
        () if *key == seeds::owner_address(account).0 => "counter of your deployments",
        () if plan.deployment == Some(*key) => "deployment",
        () if vaults.iter().any(|vault| vault.address == *key) => "your vault",
        () if vaults.iter().any(|vault| vault.nos == *key) => "your vault's NOS",
        () => "",
    };
    let each = simulation.changes.iter().map(|change| Change {
        account: change.key.to_string(),
        name: name(&change.key),
        lamports_before: change.lamports.0,
        lamports_after: change.lamports.1,
        nos_before: change.nos.0,
        nos_after: change.nos.1,
    });
    each.collect()
}
