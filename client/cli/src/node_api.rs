//! The API of the node that runs a job. It answers to whoever listed the job: a vault's address cannot sign, so
//! deployments need an access key for it.

use crate::{clock::now_ms, context::Context, exit::invalid, keeper::keypair};
use anyhow::{anyhow, bail, Result};
use clap::Args;
use futures_util::{SinkExt, StreamExt};
use nosana_deploy_client::{
    jobs_program::account::Job, rpc::ClusterError, seeds, text::printable_line,
};
use reqwest::{Method, Response, StatusCode};
use serde_json::{json, Value};
use solana_keypair::Keypair;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use std::{net::Ipv4Addr, time::Duration};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    client_async, connect_async,
    tungstenite::{Error as SocketError, Message},
};

/// How long a node may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Who signs for a job.
#[derive(Args, Clone, Default)]
pub(crate) struct AccessOptions {
    /// Keypair file of the access key that listed the job [default: the profile's]
    #[arg(long, value_name = "FILE")]
    access_keypair: Option<String>,
}

/// The node of a job, and who asks it.
pub(crate) struct NodeApi {
    node: Pubkey,
    job: Pubkey,
    /// Scheme and host, without a slash at the end.
    base: String,
    key: Keypair,
    client: reqwest::Client,
}

impl NodeApi {
    /// The node that runs job number `index` of the deployment at an address.
    ///
    /// # Errors
    /// Nobody runs it, it is not there, or somebody else listed it.
    pub(crate) async fn of(
        context: &Context,
        deployment: &Pubkey,
        index: u64,
        access: &AccessOptions,
    ) -> Result<Self> {
        let named = access.access_keypair.as_deref();
        let path = context.profile.access_keypair(named).ok_or_else(|| {
            invalid("--access-keypair: missing; nodes answer to the key that listed a job, so name its file")
        })?;
        let key = keypair("access-keypair", path)?;
        let found = match context.cluster.deployment(deployment).await {
            Err(ClusterError::Missing { .. }) => None,
            found => Some(found?),
        };
        let derived = || seeds::job_address(deployment, index).0;
        let job = found.map_or_else(derived, |found| found.job_address(index));
        let account = context.cluster.accounts(&[job]).await?.pop().flatten();
        let account = account.ok_or_else(|| {
            invalid(format!("there is no job {index} of {deployment} any more, or not yet; `status` shows its active jobs"))
        })?;
        let listed = Job::read(&account.owner, &account.data)?;
        let project = listed
            .map(|job| job.project)
            .ok_or_else(|| anyhow!("{job} is no job"))?;
        if project != key.pubkey() {
            bail!(not_by(&project, &key.pubkey(), index));
        }
        let run = context.cluster.runs(Some(&job)).await?.into_iter().next();
        let run = run.ok_or_else(|| {
            anyhow!("no node runs job {index}; `results --job {index}` shows what it left, once it is over")
        })?;
        let base = context.profile.node_url(&run.node);
        let mut builder = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // The signature is for this node.
            .redirect(reqwest::redirect::Policy::none());
        if let Some(host) = local_host(&base) {
            builder = builder.resolve(host, (Ipv4Addr::LOCALHOST, 0).into());
        }
        Ok(Self {
            node: run.node,
            job,
            base,
            key,
            client: builder.build()?,
        })
    }

    /// The node's wallet.
    pub(crate) fn node(&self) -> Pubkey {
        self.node
    }

    /// The job's address.
    pub(crate) fn job(&self) -> Pubkey {
        self.job
    }

    /// Asks at a path below the job's.
    ///
    /// # Errors
    /// Each of a refused signature, an unreachable node and an old one has its own sentence.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response> {
        let url = format!("{}/job/{}/{path}", self.base, self.job);
        let mut asked = self
            .client
            .request(method, url)
            .header("Authorization", authorization(&self.job, &self.key));
        if let Some(body) = body {
            asked = asked
                .header("Content-Type", "application/json")
                .body(body.to_string());
        }
        let answer = asked.send().await.map_err(reqwest::Error::without_url);
        let answer = answer.map_err(|error| self.unreachable(error))?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(self.refused()),
            StatusCode::NOT_FOUND => Err(self.too_old()),
            status => {
                let said = answer.text().await.unwrap_or_default();
                let said: String = printable_line(&said).chars().take(200).collect();
                Err(anyhow!("node {} answered {status}: {said}", self.node))
            }
        }
    }

    /// Tells `each` what the job prints, from its beginning, until `each` has enough, nothing comes for
    /// `silence`, or the job is over.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) async fn logs(
        &self,
        op: Option<&str>,
        silence: Option<Duration>,
        mut each: impl FnMut(&Value) -> Result<()>,
    ) -> Result<()> {
        let url = self.base.replacen("http", "ws", 1);
        let mut socket = match local_host(&self.base) {
            Some(_) => {
                let port = self
                    .base
                    .rsplit(':')
                    .next()
                    .and_then(|port| port.parse().ok());
                let at = (Ipv4Addr::LOCALHOST, port.unwrap_or(80));
                let stream = TcpStream::connect(at).await;
                let stream = stream.map_err(|error| self.unreachable(error))?;
                let stream = tokio_tungstenite::MaybeTlsStream::Plain(stream);
                client_async(url, stream).await
            }
            None => connect_async(url).await,
        }
        .map_err(|error| self.unreachable(error))?
        .0;
        let mut body = json!({"jobAddress": self.job.to_string()});
        if let Some(op) = op {
            body["opId"] = json!(op);
        }
        let ask =
            json!({"path": "/flog", "header": authorization(&self.job, &self.key), "body": body});
        socket.send(Message::text(ask.to_string())).await?;
        loop {
            let next = match silence {
                Some(silence) => match tokio::time::timeout(silence, socket.next()).await {
                    Ok(next) => next,
                    Err(_) => return Ok(()),
                },
                None => socket.next().await,
            };
            match next {
                Some(Ok(Message::Text(text))) => {
                    if let Some(log) = log_of(&text) {
                        each(&log)?;
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.map_or(1000, |frame| u16::from(frame.code));
                    return self.closed(code);
                }
                Some(Ok(_)) => {}
                None | Some(Err(SocketError::ConnectionClosed | SocketError::AlreadyClosed)) => {
                    return Ok(())
                }
                Some(Err(error)) => return Err(self.unreachable(error)),
            }
        }
    }

    /// What a node means when it closes a connection.
    fn closed(&self, code: u16) -> Result<()> {
        const UNKNOWN_JOB: u16 = 1008;
        const UNAUTHORIZED: u16 = 3000;
        const UNKNOWN_PATH: u16 = 3003;
        match code {
            UNAUTHORIZED => Err(self.refused()),
            UNKNOWN_PATH => Err(self.too_old()),
            UNKNOWN_JOB => Err(anyhow!(
                "node {} does not know the job yet, or no longer; try again in a moment",
                self.node
            )),
            _ => Ok(()),
        }
    }

    fn refused(&self) -> anyhow::Error {
        let (node, key) = (self.node, self.key.pubkey());
        anyhow!("node {node} refuses the signature of {key}; it counts for five minutes, so compare this machine's clock")
    }

    fn unreachable(&self, error: impl std::fmt::Display) -> anyhow::Error {
        let reason = printable_line(&error.to_string());
        anyhow!(
            "node {} cannot be reached ({reason}); if that goes on, `restart` has the job replaced",
            self.node
        )
    }

    fn too_old(&self) -> anyhow::Error {
        anyhow!(
            "node {} runs older software, which does not know this request; `results` shows what the job leaves",
            self.node
        )
    }
}

/// `<message>:<signature>:<unix ms>`, as nodes ask for it and make it. The message is the job, so that it is of
/// no use for another one, and the time ends it after minutes.
pub(crate) fn authorization(job: &Pubkey, key: &Keypair) -> String {
    let job = job.to_string();
    let signature = key.sign_message(job.as_bytes());
    format!("{job}:{signature}:{}", now_ms())
}

/// Why a key is of no use for a job.
fn not_by(project: &Pubkey, key: &Pubkey, index: u64) -> String {
    match project.is_on_curve() {
        true => format!("job {index} was listed by {project}, and --access-keypair is {key}; use the key that listed it"),
        false => format!("job {index} was listed by the vault {project}, which cannot sign; with `update --access-key`, later jobs are listed by a key of yours"),
    }
}

/// A log in a frame that a node sends: JSON in JSON.
fn log_of(frame: &str) -> Option<Value> {
    let frame: Value = serde_json::from_str(frame).ok()?;
    serde_json::from_str(frame.get("data")?.as_str()?).ok()
}

/// The host of an address that is this machine's: `<label>.localhost`. RFC 6761 says so; not every system's
/// resolver knows.
pub(crate) fn local_host(base: &str) -> Option<&str> {
    let (_, authority) = base.split_once("://")?;
    let host = authority.split(':').next()?;
    host.ends_with(".localhost").then_some(host)
}
