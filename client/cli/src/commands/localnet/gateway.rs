//! The way to what the localnet's jobs serve: requests go by the same host names as on Nosana's own domain.

use axum::{
    body::{to_bytes, Body},
    extract::{Request, State},
    http::{header::HOST, HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    Router,
};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        atomic::{AtomicUsize, Ordering},
        Arc, Mutex, PoisonError,
    },
};

/// The largest request that is passed on.
const MAX_BYTES: usize = 16 << 20;

/// Which jobs serve behind which host.
#[derive(Clone, Default)]
pub(super) struct Routes {
    table: Arc<Mutex<HashMap<String, Vec<SocketAddr>>>>,
    turn: Arc<AtomicUsize>,
    client: reqwest::Client,
}

impl Routes {
    /// A job serves behind a host from now on. Case means nothing: browsers write hosts in small letters.
    pub(super) fn add(&self, host: &str, at: SocketAddr) {
        self.table()
            .entry(host.to_lowercase())
            .or_default()
            .push(at);
    }

    /// A job serves no longer, behind whatever host.
    pub(super) fn remove(&self, at: &SocketAddr) {
        let mut table = self.table();
        table
            .values_mut()
            .for_each(|all| all.retain(|one| one != at));
        table.retain(|_, all| !all.is_empty());
    }

    /// Those behind a host, each in its turn the first.
    fn behind(&self, host: &str) -> Vec<SocketAddr> {
        let mut all = self
            .table()
            .get(&host.to_lowercase())
            .cloned()
            .unwrap_or_default();
        if !all.is_empty() {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % all.len();
            all.rotate_left(turn);
        }
        all
    }

    fn table(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<SocketAddr>>> {
        // Whoever panicked left a whole table.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What answers at `<host>.localhost`.
pub(super) fn router(routes: Routes) -> Router {
    Router::new().fallback(pass_on).with_state(routes)
}

/// Asks the job whose turn it is, and the next one if it has gone.
async fn pass_on(State(routes): State<Routes>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let host = first_label(&head.headers);
    let Ok(body) = to_bytes(body, MAX_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    for at in routes.behind(&host) {
        let asked = routes
            .client
            .request(head.method.clone(), format!("http://{at}{path}"))
            .headers(head.headers.clone())
            .body(body.clone())
            .send()
            .await;
        if let Ok(answer) = asked {
            return passed_back(answer).await;
        }
    }
    let said = format!("No job serves behind {host}. `nosana-deploy status` shows what runs.\n");
    (StatusCode::NOT_FOUND, said).into_response()
}

fn first_label(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let label = host.unwrap_or_default().split(['.', ':']).next();
    label.unwrap_or_default().to_owned()
}

async fn passed_back(answer: reqwest::Response) -> Response {
    let (status, headers) = (answer.status(), answer.headers().clone());
    match answer.bytes().await {
        Ok(bytes) => {
            let mut response = Response::new(Body::from(bytes));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            response
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_whatever_their_case_and_jobs_take_turns() {
        let routes = Routes::default();
        let [a, b] = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        routes.add("AbC", a);
        routes.add("AbC", b);
        let firsts: Vec<SocketAddr> = (0..4).map(|_| routes.behind("abc")[0]).collect();
        assert_eq!(firsts.iter().filter(|at| **at == a).count(), 2);
        routes.remove(&a);
        assert_eq!(routes.behind("ABC"), [b]);
        routes.remove(&b);
        assert!(routes.behind("abc").is_empty());
    }
}
