//! A proxy between keepers and their RPC node that fails in every way that nodes fail, or is far away.

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{header, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
    Router,
};
use base64::{prelude::BASE64_STANDARD, Engine};
use futures_util::{SinkExt, StreamExt};
use rand::{rngs::StdRng, Rng, SeedableRng};
use solana_signature::Signature;
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{accept_async, connect_async, tungstenite::Message};

pub(crate) struct Proxy {
    shared: Arc<Shared>,
    urls: (String, String),
}

struct Shared {
    rpc: String,
    ws: String,
    client: reqwest::Client,
    /// From a request to its answer, however fast the node is.
    round_trip: Duration,
    is_faulty: bool,
    rng: Mutex<StdRng>,
    faults: Mutex<BTreeMap<&'static str, u32>>,
    /// The first answer to each question about accounts, for those who lag behind.
    old_answers: Mutex<HashMap<Bytes, Bytes>>,
}

/// Every kind of fault, and how many of a thousand requests or notifications it hits.
const FAULTS: [(&str, u32); 12] = [
    ("request lost", 10),
    ("answer lost", 10),
    ("request twice", 20),
    ("answer late", 40),
    ("429", 15),
    ("503", 15),
    ("stale answer", 30),
    ("transaction swallowed", 100),
    ("notification lost", 80),
    ("notification twice", 80),
    ("notification late", 80),
    ("disconnected", 15),
];

impl Shared {
    fn befalls(&self, fault: &'static str) -> bool {
        if !self.is_faulty {
            return false;
        }
        let (_, odds) = FAULTS.iter().find(|(name, _)| *name == fault).unwrap();
        let befalls = self.rng.lock().unwrap().random_range(0..1_000) < *odds;
        if befalls {
            *self.faults.lock().unwrap().entry(fault).or_default() += 1;
        }
        befalls
    }

    async fn forward(&self, request: Bytes) -> Result<Bytes, reqwest::Error> {
        let request = self.client.post(&self.rpc).body(request);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        request.send().await?.bytes().await
    }
}

impl Proxy {
    /// One that fails.
    pub(crate) async fn faulty(urls: &(String, String), seed: u64) -> Self {
        Self::start(urls, seed, true, Duration::ZERO).await
    }

    /// One that is far away.
    pub(crate) async fn distant(urls: &(String, String), round_trip: Duration) -> Self {
        Self::start(urls, 0, false, round_trip).await
    }

    async fn start(
        urls: &(String, String),
        seed: u64,
        is_faulty: bool,
        round_trip: Duration,
    ) -> Self {
        let shared = Arc::new(Shared {
            rpc: urls.0.clone(),
            ws: urls.1.clone(),
            client: reqwest::Client::new(),
            round_trip,
            is_faulty,
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
            faults: Mutex::default(),
            old_answers: Mutex::default(),
        });
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ws = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let urls = (
            format!("http://{}", http.local_addr().unwrap()),
            format!("ws://{}", ws.local_addr().unwrap()),
        );
        let app = Router::new()
            .route("/", post(answer))
            .with_state(shared.clone());
        tokio::spawn(async move { axum::serve(http, app).await });
        let subscriptions = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = ws.accept().await {
                tokio::spawn(pass_on(subscriptions.clone(), stream));
            }
        });
        Self { shared, urls }
    }

    pub(crate) fn urls(&self) -> (String, String) {
        self.urls.clone()
    }

    pub(crate) fn faults(&self) -> String {
        let faults = self.shared.faults.lock().unwrap();
        let mut text = faults.values().sum::<u32>().to_string();
        for (fault, count) in faults.iter() {
            let _ = write!(text, ", {count} {fault}");
        }
        text
    }

    /// Every kind of fault happened, or nothing was proven.
    pub(crate) fn verify(&self) {
        let faults = self.shared.faults.lock().unwrap();
        for (fault, _) in FAULTS {
            assert!(faults.contains_key(fault), "never: {fault}");
        }
    }
}

/// The connection breaks in the middle of an answer.
fn broken() -> Response {
    let cut = futures_util::stream::once(async {
        Err::<Bytes, _>(std::io::Error::other("cut by the test"))
    });
    Body::from_stream(cut).into_response()
}

async fn answer(State(shared): State<Arc<Shared>>, request: Bytes) -> Response {
    tokio::time::sleep(shared.round_trip).await;
    if !shared.is_faulty {
        let answer = shared.forward(request).await;
        return answer.map_or_else(|_| StatusCode::BAD_GATEWAY.into_response(), json);
    }
    if shared.befalls("request lost") {
        return broken();
    }
    if shared.befalls("429") {
        return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")]).into_response();
    }
    if shared.befalls("503") {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if let Some(signature) = signature_sent(&request) {
        if shared.befalls("transaction swallowed") {
            let answer = serde_json::json!({"jsonrpc": "2.0", "result": signature, "id": 0});
            return json(with_id_of(&request, &answer.to_string().into()));
        }
    }
    if shared.befalls("request twice") {
        let _ = shared.forward(request.clone()).await;
    }
    let asks_for_accounts = String::from_utf8_lossy(&request).contains("getMultipleAccounts");
    let question = strip_id(&request);
    let known = shared.old_answers.lock().unwrap().get(&question).cloned();
    if let Some(old) = known.filter(|_| asks_for_accounts) {
        if shared.befalls("stale answer") {
            return json(with_id_of(&request, &old));
        }
    }
    let Ok(answer) = shared.forward(request.clone()).await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    if asks_for_accounts {
        // As it was a while ago: the newest of a hundred is never kept.
        let mut old = shared.old_answers.lock().unwrap();
        if old.len() > 5_000 {
            old.clear();
        }
        old.entry(question).or_insert_with(|| answer.clone());
    }
    if shared.befalls("answer late") {
        let late = shared.rng.lock().unwrap().random_range(200..1_500);
        tokio::time::sleep(Duration::from_millis(late)).await;
    }
    if shared.befalls("answer lost") {
        return broken();
    }
    json(answer)
}

/// The signature of the transaction that a request sends, if it sends one.
fn signature_sent(request: &Bytes) -> Option<String> {
    let request: serde_json::Value = serde_json::from_slice(request).ok()?;
    if request["method"] != "sendTransaction" {
        return None;
    }
    let transaction = BASE64_STANDARD
        .decode(request["params"][0].as_str()?)
        .ok()?;
    // After the count of signatures, which is one.
    let signature: [u8; 64] = *transaction.get(1..)?.first_chunk()?;
    Some(Signature::from(signature).to_string())
}

fn json(answer: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], answer).into_response()
}

/// The question itself: clients number their requests.
fn strip_id(request: &Bytes) -> Bytes {
    let mut question: serde_json::Value = serde_json::from_slice(request).unwrap();
    question["id"] = 0.into();
    question.to_string().into()
}

fn with_id_of(request: &Bytes, answer: &Bytes) -> Bytes {
    let question: serde_json::Value = serde_json::from_slice(request).unwrap();
    let mut answer: serde_json::Value = serde_json::from_slice(answer).unwrap();
    answer["id"] = question["id"].clone();
    answer.to_string().into()
}

/// Passes requests to the node as they are, and notifications back less faithfully.
async fn pass_on(shared: Arc<Shared>, stream: TcpStream) {
    let Ok(keeper) = accept_async(stream).await else {
        return;
    };
    let Ok((node, _)) = connect_async(&shared.ws).await else {
        return;
    };
    let (mut to_keeper, mut from_keeper) = keeper.split();
    let (mut to_node, mut from_node) = node.split();
    let mut held: Option<Message> = None;
    loop {
        tokio::select! {
            request = from_keeper.next() => match request {
                Some(Ok(request)) => if to_node.send(request).await.is_err() { return },
                _ => return,
            },
            message = from_node.next() => {
                let Some(Ok(message)) = message else { return };
                // Answers to subscriptions, and slots, which show that the connection lives, pass.
                let text = message.to_text().unwrap_or_default();
                let is_notification = text.contains("Notification") && !text.contains("slotNotification");
                let mut passing = Vec::new();
                if !is_notification {
                    passing.push(message);
                } else if shared.befalls("disconnected") {
                    return;
                } else if shared.befalls("notification lost") {
                } else if held.is_none() && shared.befalls("notification late") {
                    held = Some(message);
                } else if shared.befalls("notification twice") {
                    passing.extend([message.clone(), message]);
                } else {
                    passing.push(message);
                    passing.extend(held.take()); // after one that came later
                }
                for message in passing {
                    if to_keeper.send(message).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
