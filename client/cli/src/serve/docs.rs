//! The description of the API: OpenAPI, and a page made of it.

use super::Server;
use axum::{response::Html, routing::get, Json, Router};
use std::{fmt::Write, sync::Arc};
use utoipa::openapi::{
    path::Operation,
    security::{ApiKey, ApiKeyValue, SecurityScheme},
    Components, Info, OpenApi, PathItem, Paths,
};

/// What comes before the routes.
pub(super) fn introduction() -> OpenApi {
    let mut info = Info::new("nosana-deploy serve", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Deployments on Nosana's GPU markets, held and enforced on chain. Reads need no signature. What acts with the server's key needs `x-user-id` and `Authorization: NosanaApiAuthentication:<base58 signature of it>:<unix ms>`; what a wallet signs is under /api/transactions.".into(),
    );
    let mut description = OpenApi::new(info, Paths::new());
    let mut components = Components::new();
    let key = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("Authorization")));
    components.add_security_scheme("Authorization", key);
    description.components = Some(components);
    description
}

/// The description, for programs and for people.
pub(super) fn router(description: OpenApi) -> Router<Arc<Server>> {
    let page = page(&description);
    Router::new()
        .route("/docs", get(move || async { Html(page) }))
        .route(
            "/docs/openapi.json",
            get(move || async { Json(description) }),
        )
}

fn page(description: &OpenApi) -> String {
    let mut rows = String::new();
    for (path, item) in &description.paths.paths {
        for (method, operation) in operations(item) {
            let summary = operation.summary.as_deref().unwrap_or_default();
            // Paths and summaries are this program's own words, without markup.
            let _ = write!(rows, "<tr><td>{method}<td><code>{path}</code><td>{summary}");
        }
    }
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>API · nosana-deploy serve</title><link rel=stylesheet href=/style.css><link rel=icon href=/icon.svg>\
         <main><h1>API</h1><p>Described by <a href=/docs/openapi.json>OpenAPI</a>. <a href=/>The page</a>.\
         <div class=scroll><table><thead><tr><th>Method<th>Path<th>What it does<tbody>{rows}</table></div></main></html>"
    )
}

fn operations(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}
