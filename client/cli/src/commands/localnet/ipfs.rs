//! What the localnet's nodes, and its users, know of IPFS: Kubo's API and a gateway over one store in memory.

use axum::{
    body::Bytes,
    extract::{DefaultBodyLimit, Multipart, Path, RawQuery, State},
    http::StatusCode,
    routing::{get, post},
    Json, Router,
};
use nosana_deploy_client::digest;
use serde_json::{json, Value};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The largest file that is stored.
const MAX_BYTES: usize = 64 << 20;

/// Files by their CID.
#[derive(Clone, Default)]
pub(super) struct Store(Arc<Mutex<HashMap<String, Bytes>>>);

impl Store {
    /// Keeps a file and returns its digest.
    pub(super) fn add(&self, bytes: Bytes) -> [u8; 32] {
        let digest = digest::digest(&bytes);
        self.files().insert(digest::cid(&digest), bytes);
        digest
    }

    /// The file of a digest.
    pub(super) fn find(&self, digest: &[u8; 32]) -> Option<Bytes> {
        self.get(&digest::cid(digest))
    }

    fn get(&self, cid: &str) -> Option<Bytes> {
        self.files().get(cid).cloned()
    }

    fn files(&self) -> std::sync::MutexGuard<'_, HashMap<String, Bytes>> {
        // Whoever panicked left whole files.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What answers at `--ipfs-api` and at `--ipfs-gateway`.
pub(super) fn router(store: Store) -> Router {
    Router::new()
        .route("/api/v0/add", post(add))
        .route("/api/v0/pin/ls", post(pinned))
        .route("/ipfs/{cid}", get(fetch))
        .layer(DefaultBodyLimit::max(MAX_BYTES))
        .with_state(store)
}

type Answer = (StatusCode, Json<Value>);

async fn add(State(store): State<Store>, mut form: Multipart) -> Answer {
    let file = async { form.next_field().await.ok()??.bytes().await.ok() };
    match file.await {
        Some(bytes) => {
            let size = bytes.len().to_string();
            let cid = digest::cid(&store.add(bytes));
            let stored = json!({"Name": cid, "Hash": cid, "Size": size});
            (StatusCode::OK, Json(stored))
        }
        None => refused("file argument 'path' is required"),
    }
}

async fn pinned(State(store): State<Store>, RawQuery(query): RawQuery) -> Answer {
    let query = query.unwrap_or_default();
    let cid = query.split('&').find_map(|pair| pair.strip_prefix("arg="));
    match cid.filter(|cid| store.get(cid).is_some()) {
        Some(cid) => {
            let keys = json!({"Keys": {cid: {"Type": "recursive"}}});
            (StatusCode::OK, Json(keys))
        }
        None => refused("path is not pinned"),
    }
}

/// As Kubo refuses.
fn refused(message: &str) -> Answer {
    let error = json!({"Message": message, "Code": 0, "Type": "error"});
    (StatusCode::INTERNAL_SERVER_ERROR, Json(error))
}

async fn fetch(State(store): State<Store>, Path(cid): Path<String>) -> Result<Bytes, StatusCode> {
    store.get(&cid).ok_or(StatusCode::NOT_FOUND)
}
