//! Routes about vaults. None needs a key here: a vault is an address, and what leaves it its owner's wallet signs.

use super::{Answer, This};
use crate::{
    format::{parse_nos, parse_sol},
    serve::{
        act::unsigned_base64,
        authorization::named_owner,
        bodies::{TransactionBody, VaultBody, WithdrawBody},
        body::Body,
        refusal::{Failures, Refusal},
        wish::Wish,
        Server,
    },
};
use axum::{
    extract::{Path, State},
    http::HeaderMap,
    Json,
};
use nosana_deploy_client::instructions::Amount;
use std::sync::Arc;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(list_vaults))
        .routes(routes!(create_vault))
        .routes(routes!(withdraw))
}

/// An owner's vaults.
#[utoipa::path(get, path = "/api/deployments/vaults", tag = "Vaults",
    params(("x-user-id" = Option<String>, Header, description = "Whose")),
    responses((status = 200, body = Vec<VaultBody>), Failures))]
async fn list_vaults(State(server): This, headers: HeaderMap) -> Answer<Vec<VaultBody>> {
    let owner = named_owner(&headers)?;
    Ok(Json(server.vaults(&owner).await?))
}

/// An owner's shared vault. A vault is an address, so there is nothing to create.
#[utoipa::path(post, path = "/api/deployments/vaults/create", tag = "Vaults",
    params(("x-user-id" = Option<String>, Header, description = "Whose")),
    responses((status = 200, body = VaultBody), Failures))]
async fn create_vault(State(server): This, headers: HeaderMap) -> Answer<VaultBody> {
    let owner = named_owner(&headers)?;
    let first = server.vaults(&owner).await?.into_iter().next();
    first
        .map(Json)
        .ok_or_else(|| Refusal::missing("there is no vault"))
}

/// A transaction that takes funds out of a vault, for the owner's wallet to sign and send.
#[utoipa::path(post, path = "/api/deployments/vaults/{vault}/withdraw", tag = "Vaults",
    params(("vault" = String, Path, description = "The vault's address"), ("x-user-id" = Option<String>, Header, description = "Its owner")),
    request_body = WithdrawBody,
    responses((status = 200, body = TransactionBody), Failures))]
async fn withdraw(
    State(server): This,
    Path(vault): Path<String>,
    headers: HeaderMap,
    Body(body): Body<WithdrawBody>,
) -> Answer<TransactionBody> {
    let owner = named_owner(&headers)?;
    let vault = Server::vault_number(&owner, &vault)?;
    let everything = body.sol.is_none() && body.nos.is_none();
    let amount = |field: &str,
                  given: Option<serde_json::Number>,
                  read: fn(&str) -> Result<u64, String>| match given {
        None if everything => Ok(Amount::All),
        None => Ok(Amount::Exact(0)),
        Some(number) => read(&number.to_string())
            .map(Amount::Exact)
            .map_err(|valid| Refusal::invalid(format!("{field}: {number} is not valid; {valid}"))),
    };
    let wish = Wish::Withdraw {
        vault,
        nos: amount("NOS", body.nos, parse_nos)?,
        lamports: amount("SOL", body.sol, parse_sol)?,
    };
    let plan = server.plan(&owner, wish).await?;
    let (message, _) = server.unsigned(&owner, &plan).await?;
    Ok(Json(TransactionBody {
        transaction: unsigned_base64(message)?,
    }))
}
