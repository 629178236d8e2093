//! A proxy before a net's node that counts requests, refuses some and holds others back.

use axum::{
    body::Bytes, extract::State, http::header, response::IntoResponse, routing::post, Router,
};
use serde_json::{json, Value};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, runtime::Runtime, sync::watch};

pub(crate) struct Proxy {
    pub(crate) url: String,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

struct Shared {
    node: String,
    client: reqwest::Client,
    counts: Mutex<HashMap<String, u32>>,
    /// How many more requests of a method are refused.
    refusals: Mutex<HashMap<String, u32>>,
    /// The method whose requests are held back.
    held: watch::Sender<Option<&'static str>>,
}

impl Proxy {
    pub(crate) fn start(node: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let shared = Arc::new(Shared {
            node: node.to_owned(),
            client: reqwest::Client::new(),
            counts: Mutex::default(),
            refusals: Mutex::default(),
            held: watch::Sender::new(None),
        });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new()
            .route("/", post(answer))
            .with_state(shared.clone());
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self {
            url,
            shared,
            _runtime: runtime,
        }
    }

    /// How many requests of a method came in.
    pub(crate) fn count(&self, method: &str) -> u32 {
        let counts = self.shared.counts.lock().unwrap();
        counts.get(method).copied().unwrap_or(0)
    }

    /// How many requests came in.
    pub(crate) fn total(&self) -> u32 {
        self.shared.counts.lock().unwrap().values().sum()
    }

    /// Refuses the next requests of a method.
    pub(crate) fn refuse(&self, method: &str, times: u32) {
        let mut refusals = self.shared.refusals.lock().unwrap();
        refusals.insert(method.to_owned(), times);
    }

    /// Holds requests of this method back until another is named, or none.
    pub(crate) fn hold(&self, method: Option<&'static str>) {
        self.shared.held.send_replace(method);
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Bytes) -> impl IntoResponse {
    let question: Value = serde_json::from_slice(&request).unwrap();
    let method = question["method"].as_str().unwrap().to_owned();
    *shared
        .counts
        .lock()
        .unwrap()
        .entry(method.clone())
        .or_default() += 1;
    let mut held = shared.held.subscribe();
    let _ = held.wait_for(|held| *held != Some(&method)).await;
    let is_refused = match shared.refusals.lock().unwrap().get_mut(&method) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        _ => false,
    };
    let answer = if is_refused {
        let error = json!({"code": -32000, "message": "refused by the test"});
        let answer = json!({"jsonrpc": "2.0", "id": question["id"], "error": error});
        answer.to_string().into()
    } else {
        let asked = shared.client.post(&shared.node).body(request);
        let asked = asked.header(header::CONTENT_TYPE, "application/json");
        asked.send().await.unwrap().bytes().await.unwrap()
    };
    ([(header::CONTENT_TYPE, "application/json")], answer)
}
