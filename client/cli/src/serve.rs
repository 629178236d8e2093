//! `serve`: a cluster's deployments over HTTP, with three faces: the service's API, transactions for wallets to
//! sign, and a page. It holds a key only if it is given one.

mod act;
mod api;
mod authorization;
mod bodies;
mod body;
mod book;
mod docs;
mod page;
mod paging;
mod refusal;
mod sign;
mod stream;
mod wish;

use crate::{
    clock::now_ms,
    context::Context,
    exit::invalid,
    ipfs::{Gateway, Ipfs, IpfsOptions},
    keeper::keypair,
    output::Facts,
};
use anyhow::Result;
use authorization::{is_local, Gate};
use axum::{
    extract::{DefaultBodyLimit, Request, State},
    http::{
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
        },
        HeaderMap, HeaderValue, StatusCode,
    },
    middleware::{from_fn, from_fn_with_state, Next},
    response::{IntoResponse, Response},
    routing::get,
    Router,
};
use body::MAX_BODY_BYTES;
use book::Memory;
use clap::Args;
use refusal::Refusal;
use solana_keypair::Keypair;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use std::{net::SocketAddr, sync::Arc, time::Instant};
use tokio::{net::TcpListener, sync::Mutex};
use utoipa_axum::router::OpenApiRouter;
use wish::Publish;

/// Serve deployments over HTTP: Nosana's own API, transactions to sign, and a page
///
/// Whatever is on chain can be read, of any owner. What changes something is signed in a wallet, or, if
/// --keypair names a file, with that key: for requests that its owner has signed as clients of Nosana's
/// service sign them, and for nobody else's. docs/serve.md compares every route with the service's.
#[derive(Args)]
pub(crate) struct Serve {
    /// Where to listen; nobody else reaches the loopback address
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9480")]
    listen: SocketAddr,
    /// What a proxy in front of it is called, for example deployments.example.org; requests then have to be signed
    /// with a time
    #[arg(long, value_name = "NAME")]
    public_host: Option<String>,
    /// Where to read what is not on this machine, for example `https://ipfs.io`
    #[arg(long, value_name = "URL")]
    ipfs_gateway: Option<String>,
    /// Pin job definitions here, for example http://127.0.0.1:5001
    #[arg(long, value_name = "URL")]
    ipfs_api: Option<String>,
    #[command(flatten)]
    ipfs: IpfsOptions,
    /// Where nodes fetch confidential definitions: your `definitions serve`, for example
    /// `https://example.org/nosana`
    #[arg(long, value_name = "URL")]
    definitions_url: Option<String>,
}

impl Serve {
    pub(crate) fn run(self, context: Context) -> Result<()> {
        let signer = context.named_keypair();
        let signer = signer.map(|path| keypair("keypair", path)).transpose()?;
        let gateway = context.profile.ipfs_gateway(self.ipfs_gateway.as_deref());
        let named = self.definitions_url.as_deref();
        let definitions_url = match context.profile.definitions_url(named) {
            // Only confidential deployments need one.
            Err(_) if named.is_none() => None,
            found => Some(found?),
        };
        let acts_for = signer.as_ref().map(Signer::pubkey);
        let listens_locally = self.listen.ip().is_loopback();
        let is_private = listens_locally && self.public_host.is_none();
        let server = Arc::new(Server {
            gateway: gateway.map(Gateway::new).transpose()?,
            ipfs: context
                .profile
                .ipfs_api(self.ipfs_api.as_deref(), &self.ipfs)?,
            definitions_url,
            gate: Gate::new(acts_for, is_private),
            listens_locally,
            public_host: self.public_host.clone(),
            signer,
            context,
            memory: Mutex::default(),
            waiting: Mutex::default(),
            turn: Mutex::default(),
        });
        let context = &server.context;
        context.block_on(async {
            context.cluster.require_program().await?;
            let failed = |error| invalid(format!("--listen {}: {error}", self.listen));
            let listener = TcpListener::bind(self.listen).await.map_err(failed)?;
            let mut facts = Facts::default();
            let at = format!("http://{}", listener.local_addr()?);
            facts.text("Page", "page", format!("{at}/"));
            facts.text("API", "api", format!("{at}/api"));
            facts.text("Its description", "docs", format!("{at}/docs"));
            let shown = acts_for.map_or_else(
                || "nobody: wallets sign".to_owned(),
                |owner| owner.to_string(),
            );
            let key = acts_for.map(|owner| owner.to_string());
            facts.add("Acts for", shown, "acts_for", key);
            context.output.print(&facts)?;
            let stop = async {
                let _ = tokio::signal::ctrl_c().await;
            };
            let app = router(Arc::clone(&server));
            // Streams never end by themselves.
            tokio::select! {
                served = async { axum::serve(listener, app).await } => Ok(served?),
                () = stop => Ok(()),
            }
        })
    }
}

/// What handlers share.
struct Server {
    context: Context,
    /// The key that acts for its owner, if there is one.
    signer: Option<Keypair>,
    gate: Gate,
    /// Whether only this machine reaches it, perhaps for others.
    listens_locally: bool,
    /// What others call it, if a proxy passes their requests on.
    public_host: Option<String>,
    gateway: Option<Gateway>,
    ipfs: Option<Ipfs>,
    definitions_url: Option<String>,
    memory: Mutex<Memory>,
    /// What is to be published once the transaction that names it is sent, and since when it waits.
    waiting: Mutex<Vec<(Instant, Publish)>>,
    /// One transaction at a time.
    turn: Mutex<()>,
}

impl Server {
    /// The owner who signed a request, if this server acts for it.
    fn admit(&self, headers: &HeaderMap) -> Result<Pubkey, Refusal> {
        self.gate.admit(headers, now_ms())
    }

    fn definitions_url(&self) -> Result<&str, Refusal> {
        self.definitions_url.as_deref().ok_or_else(|| {
            Refusal::invalid("confidential: this server does not say where nodes fetch the definition; start it with --definitions-url")
        })
    }
}

fn router(server: Arc<Server>) -> Router {
    let (described, description) = OpenApiRouter::with_openapi(docs::introduction())
        .merge(api::routes())
        .merge(page::routes())
        .merge(sign::routes())
        .split_for_parts();
    let docs = docs::router(description);
    Router::new()
        .merge(described)
        .merge(api::custodial())
        .merge(page::files())
        .merge(docs)
        .route("/healthz", get(|| async { "ok\n" }))
        .fallback(|| async { Refusal::missing("there is no such route; /docs lists them") })
        .method_not_allowed_fallback(|| async {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Refusal::new(status, "the route has no such method; /docs lists them")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn(sign::for_everybody))
        .layer(from_fn_with_state(Arc::clone(&server), guarded))
        .with_state(server)
}

/// What every answer says to browsers: nothing from anywhere else.
async fn guarded(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let host = request.headers().get(HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let is_public = server.public_host.as_deref() == Some(host);
    let mut response = match !server.listens_locally || is_local(host) || is_public {
        true => next.run(request).await,
        false => Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            "Host: this server is called localhost or 127.0.0.1; --public-host names another",
        )
        .into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
