//! `logs` and `jobs`: what the node of a running job tells whoever listed it.

use crate::{
    context::Context,
    exit::invalid,
    node_api::{AccessOptions, NodeApi},
    output::{printed_line, say, with_fields},
};
use anstyle::{AnsiColor, Style};
use anyhow::Result;
use clap::{Args, Subcommand};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    text::{printable, printable_line},
};
use reqwest::Method;
use serde_json::{json, Value};
use solana_program::pubkey::Pubkey;
use std::time::Duration;

/// Show what a running job prints, live
///
/// For deployments with an access key, whose nodes answer to it. Of a job that is over, see `results`.
#[derive(Args)]
pub(crate) struct Logs {
    /// The deployment's address, or its number among the wallet's deployments
    deployment: String,
    /// The job's number, as `status` shows it [default: the latest that is active]
    #[arg(long, value_name = "NUMBER")]
    job: Option<u64>,
    /// Of this operation alone
    #[arg(long, value_name = "ID")]
    op: Option<String>,
    /// Go on until the job is over, or Ctrl-C
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    access: AccessOptions,
}

/// Without --follow, all is said once nothing has come for so long.
const SILENCE: Duration = Duration::from_secs(2);

impl Logs {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let address = context.deployment_address(&self.deployment)?;
        context.block_on(async {
            context.cluster.require_program().await?;
            let index = match self.job {
                Some(index) => index,
                None => latest(&context.cluster.deployment(&address).await?)?,
            };
            let node = NodeApi::of(context, &address, index, &self.access).await?;
            let silence = (!self.follow).then_some(SILENCE);
            let is_json = context.output.is_json();
            let shown = node.logs(self.op.as_deref(), silence, |log| match is_json {
                true => say(log),
                false => say(line(log)),
            });
            tokio::select! {
                shown = shown => shown,
                _ = tokio::signal::ctrl_c() => Ok(()),
            }
        })
    }
}

fn latest(deployment: &DeploymentAccount) -> Result<u64> {
    let indices = deployment.jobs.iter().map(|job| job.index);
    indices
        .max()
        .ok_or_else(|| invalid("no job is active; `results` shows what the last one left"))
}

/// A log for people: it steers no terminal.
fn line(log: &Value) -> String {
    let text = |field: &str| log.get(field).and_then(Value::as_str).unwrap_or_default();
    let style = match text("type") {
        "stderr" => AnsiColor::Yellow.on_default(),
        "error" | "nodeerr" => AnsiColor::Red.on_default(),
        "info" => AnsiColor::BrightBlack.on_default(),
        _ => Style::new(),
    };
    let message = log.get("message").unwrap_or(&Value::Null);
    let message = message
        .as_str()
        .map_or_else(|| message.to_string(), str::to_owned);
    let op = printable_line(text("opId"));
    let lines = message
        .trim_end_matches('\n')
        .split('\n')
        .map(|each| format!("{op}: {style}{}{style:#}", printed_line(each)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Ask the node of a running job about it, or have it stop or restart an operation
///
/// For deployments with an access key, whose nodes answer to it.
#[derive(Args)]
pub(crate) struct Jobs {
    /// The deployment's address, or its number among the wallet's deployments
    deployment: String,
    /// The job's number, as `status` shows it
    job: u64,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// What state the job and its operations are in
    Info(AccessOptions),
    /// Where its ports are served, private ones included
    Endpoints(AccessOptions),
    /// Stop an operation; the others go on
    StopOp(Operation),
    /// Stop an operation and run it again
    RestartOp(Operation),
}

#[derive(Args)]
struct Operation {
    /// The operation's id
    op: String,
    /// Its group, `execution.group` in the job definition [default: its own]
    #[arg(long)]
    group: Option<String>,
    #[command(flatten)]
    access: AccessOptions,
}

impl Operation {
    fn path(&self, action: &str) -> Result<String> {
        let group = self.group.as_ref().unwrap_or(&self.op);
        for part in [group, &self.op] {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_. ".contains(c);
            if part.is_empty() || part.starts_with('.') || !part.chars().all(is_plain) {
                return Err(invalid(format!(
                    "{part:?} is not valid; use an operation's id or group: letters, digits, dashes"
                )));
            }
        }
        let [group, op] = [group, &self.op].map(|part| part.replace(' ', "%20"));
        Ok(format!("group/{group}/operation/{op}/{action}"))
    }
}

impl Jobs {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let address: Pubkey = context.deployment_address(&self.deployment)?;
        let (method, path, access) = match &self.action {
            Action::Info(access) => (Method::GET, "info".to_owned(), access),
            Action::Endpoints(access) => (Method::GET, "endpoints".to_owned(), access),
            Action::StopOp(it) => (Method::POST, it.path("stop")?, &it.access),
            Action::RestartOp(it) => (Method::POST, it.path("restart")?, &it.access),
        };
        let answer = context.block_on(async {
            context.cluster.require_program().await?;
            let node = NodeApi::of(context, &address, self.job, access).await?;
            first_event(node.ask(method, &path, None).await?).await
        })?;
        match context.output.is_json() {
            true => say(with_fields(&answer, [("job", json!(self.job))])),
            false => say(printed(&answer)),
        }
    }
}

/// A node's answer: JSON, or the first of a stream of events.
async fn first_event(mut answer: reqwest::Response) -> Result<Value> {
    const MOST_BYTES: usize = 16 << 20;
    let kind = answer.headers().get("content-type").cloned();
    let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let mut bytes = Vec::new();
    while let Some(some) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        bytes.extend_from_slice(&some);
        if let Some(event) = is_stream.then(|| event_in(&bytes)).flatten() {
            return Ok(event);
        }
        if bytes.len() > MOST_BYTES {
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(serde_json::from_str(&text).unwrap_or_else(|_| json!({"answer": text})))
}

/// The first whole event of a stream.
fn event_in(bytes: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(bytes);
    let mut events = text.lines().filter_map(|line| line.strip_prefix("data:"));
    events.find_map(|data| serde_json::from_str(data.trim()).ok())
}

/// JSON for people: it steers no terminal.
fn printed(answer: &Value) -> String {
    let text = serde_json::to_string_pretty(answer).unwrap_or_default();
    let lines: Vec<String> = text.lines().map(printable).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_names_its_operation_and_steers_no_terminal() {
        let log = json!({"opId": "web", "type": "stdout", "message": "one\n\u{1b}[2Jtwo\n"});
        assert_eq!(line(&log), "web: one\nweb: ?[2Jtwo");
        let error = json!({"opId": "web", "type": "stderr", "message": "bad"});
        assert!(line(&error).contains("\u{1b}["), "in a colour of its own");
        assert_eq!(
            line(&json!({"opId": "a", "message": {"x": 1}})),
            "a: {\"x\":1}"
        );
    }

    #[test]
    fn an_operation_s_path_stays_below_the_job_s() {
        let path = |op: &str, group: Option<&str>| {
            let (op, group) = (op.to_owned(), group.map(str::to_owned));
            let access = AccessOptions::default();
            Operation { op, group, access }.path("stop")
        };
        assert_eq!(path("web", None).unwrap(), "group/web/operation/web/stop");
        let named = path("my op", Some("g")).unwrap();
        assert_eq!(named, "group/g/operation/my%20op/stop");
        for wrong in ["", "..", "a/b", "a?b", "a%2fb"] {
            assert!(path(wrong, None).is_err(), "{wrong}");
        }
    }
}
