//! `results`: what a finished job left behind.

use crate::{
    context::Context,
    exit::{invalid, Unprinted},
    format::{duration, time},
    ipfs::Gateway,
    output::{bold, printed_line, say},
    results_kept,
};
use anstyle::{AnsiColor, Style};
use anyhow::{anyhow, Result};
use clap::Args;
use nosana_deploy_client::{
    digest,
    events::Outcome,
    job_result::{JobResult, LogLine, OpState, MAX_RESULT_BYTES},
    markets::{decode_job, decode_job_over, JobOver, JobState},
    rpc::ClusterError,
    seeds,
    text::{printable, printable_line},
};
use solana_account::Account;
use solana_program::pubkey::Pubkey;
use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
    io::Write as _,
    time::Duration,
};

/// Show what a finished job left behind: exit codes, results and logs of its operations
///
/// The job's node stores it on IPFS and names it on chain. It is fetched through --ipfs-gateway, and
/// believed only if it is what the chain names. Of a confidential job, it is what the node left with
/// `definitions serve` on this machine. With `--output json`, it is printed as the node wrote it.
#[derive(Args)]
pub(crate) struct Results {
    /// The deployment's address, or its number among the wallet's deployments
    deployment: String,
    /// The job's number, as `status` and `history` show it
    #[arg(long, value_name = "NUMBER", conflicts_with = "last")]
    job: Option<u64>,
    /// The job that ended last; what happens if no job is named
    #[arg(long)]
    last: bool,
    /// Wait for the next job to end, and the next, until Ctrl-C
    #[arg(long, conflicts_with_all = ["job", "last"])]
    follow: bool,
    /// Where to fetch results, for example `https://ipfs.io`
    #[arg(long, value_name = "URL")]
    ipfs_gateway: Option<String>,
}

/// As many of a deployment's latest jobs are looked at before its transactions are.
const LATEST: u64 = 100;
/// Between two looks of one who follows.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// A job that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Finished {
    index: u64,
    node: Option<Pubkey>,
    ended_at: Option<i64>,
    /// sha2-256 digest of its result; `None` if its node stored none.
    result: Option<[u8; 32]>,
}

impl Results {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let address = context.deployment_address(&self.deployment)?;
        let named = self.ipfs_gateway.as_deref();
        let gateway = context.profile.ipfs_gateway(named);
        let gateway = gateway.map(Gateway::new).transpose()?;
        let deployment = Jobs { context, address };
        context.block_on(async {
            context.cluster.require_program().await?;
            if self.follow {
                return follow(&deployment, gateway.as_ref()).await;
            }
            let found = match self.job {
                Some(index) => deployment.finished(index).await?,
                None => deployment.last().await?,
            };
            deployment.show(gateway.as_ref(), &found, "").await
        })
    }
}

async fn follow(deployment: &Jobs<'_>, gateway: Option<&Gateway>) -> Result<()> {
    let over = deployment.latest().await?.into_iter();
    let mut shown: BTreeSet<u64> = over.map(|job| job.index).collect();
    eprintln!("waiting for the next job to end");
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        let mut found = match deployment.latest().await {
            // A node that stumbles must not end the wait.
            Err(error) if error.downcast_ref().is_some_and(ClusterError::is_temporary) => continue,
            found => found?,
        };
        found.sort_by_key(|job| job.index);
        for job in found {
            if shown.insert(job.index) {
                deployment.show(gateway, &job, "\n").await?;
            }
        }
    }
}

/// The jobs of a deployment.
struct Jobs<'a> {
    context: &'a Context,
    address: Pubkey,
}

impl Jobs<'_> {
    /// The latest jobs whose accounts say that they are over.
    async fn latest(&self) -> Result<Vec<Finished>> {
        let next = match self.context.cluster.deployment(&self.address).await {
            Ok(found) => found.header.next_job_index,
            // Closed: its transactions tell.
            Err(ClusterError::Missing { .. } | ClusterError::Decode { .. }) => 0,
            Err(error) => return Err(error.into()),
        };
        let indices: Vec<u64> = (next.saturating_sub(LATEST)..next).collect();
        let keys = indices.iter().map(|index| self.job_address(*index));
        let keys: Vec<Pubkey> = keys.collect();
        let accounts = self.context.cluster.accounts(&keys).await?;
        let found = indices.into_iter().zip(accounts);
        let over = found.filter_map(|(index, account)| over(index, &account?));
        Ok(over.collect())
    }

    async fn last(&self) -> Result<Finished> {
        let known = self.latest().await?;
        let found = match known.is_empty() {
            true => self.told().await?,
            false => known,
        };
        let last = found
            .into_iter()
            .max_by_key(|job| (job.ended_at, job.index));
        last.ok_or_else(|| anyhow!("no job of {} is over", self.address))
    }

    async fn finished(&self, index: u64) -> Result<Finished> {
        let key = self.job_address(index);
        let account = self.context.cluster.accounts(&[key]).await?.pop().flatten();
        if let Some(account) = account {
            if let Some(over) = over(index, &account) {
                return Ok(over);
            }
            let state = decode_job(Some((&account.owner, &account.data)));
            match state.map_err(|error| anyhow!("{key}: {error}"))? {
                JobState::Open(_) => return Err(anyhow!("job {index} is not over yet")),
                JobState::Quit(_) => {
                    return Err(anyhow!("the node of job {index} quit and left nothing"))
                }
                JobState::Done { .. } | JobState::Gone => {}
            }
        }
        let told = self.told().await?;
        let found = told.into_iter().find(|job| job.index == index);
        found.ok_or_else(|| {
            anyhow!("nothing is known of a job {index} of {} that is over; `history --jobs` shows its jobs", self.address)
        })
    }

    /// Jobs whose accounts are gone.
    async fn told(&self) -> Result<Vec<Finished>> {
        let history = super::history::read(self.context, &self.address, None).await?;
        let jobs = history.jobs.into_values();
        let ended = jobs.filter(|job| {
            job.outcome
                .is_some_and(|outcome| outcome != Outcome::Delisted)
        });
        Ok(ended
            .map(|job| Finished {
                index: job.index,
                node: job.node,
                ended_at: job.ended_at,
                result: job.result,
            })
            .collect())
    }

    /// Prints a job's result: what its node left with this machine, or else what the chain names.
    async fn show(&self, gateway: Option<&Gateway>, job: &Finished, ends: &str) -> Result<()> {
        let kept = results_kept::find(&self.job_address(job.index));
        let is_kept = kept.is_some();
        let bytes = match kept {
            Some(kept) => Some(kept),
            None => fetch(gateway, job).await?,
        };
        let report = ResultReport {
            job,
            bytes,
            is_kept,
        };
        print(self.context, &report, ends)
    }

    fn job_address(&self, index: u64) -> Pubkey {
        seeds::job_address(&self.address, index).0
    }
}

/// The job of an account, if it is over.
fn over(index: u64, account: &Account) -> Option<Finished> {
    let state = decode_job(Some((&account.owner, &account.data))).ok()?;
    let JobState::Done { .. } = state else {
        return None;
    };
    let JobOver {
        node,
        ended_at,
        result,
        ..
    } = decode_job_over(&account.owner, &account.data).ok()?;
    Some(Finished {
        index,
        node: Some(node).filter(|node| *node != Pubkey::default()),
        ended_at: Some(ended_at),
        result,
    })
}

/// Fetches what the chain names.
async fn fetch(gateway: Option<&Gateway>, job: &Finished) -> Result<Option<Vec<u8>>> {
    let Some(digest) = job.result else {
        return Ok(None);
    };
    let gateway = gateway.ok_or_else(|| {
        let cid = digest::cid(&digest);
        invalid(format!("the result of job {} is {cid}; fetch it with --ipfs-gateway, for example https://ipfs.io", job.index))
    })?;
    Ok(Some(gateway.fetch(&digest, MAX_RESULT_BYTES).await?))
}

/// Prints a job's result, and what `ends` it in JSON.
fn print(context: &Context, report: &ResultReport, ends: &str) -> Result<()> {
    if context.output.is_json() {
        let raw = report.bytes.as_deref().unwrap_or(b"null");
        let mut out = std::io::stdout().lock();
        let written = out
            .write_all(raw)
            .and_then(|()| out.write_all(ends.as_bytes()));
        let written = written.and_then(|()| out.flush());
        return Ok(written.map_err(Unprinted)?);
    }
    say(report.to_string().trim_end())
}

struct ResultReport<'a> {
    job: &'a Finished,
    bytes: Option<Vec<u8>>,
    /// Its node left it with this machine; the chain does not name it.
    is_kept: bool,
}

impl fmt::Display for ResultReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            job,
            bytes,
            is_kept,
        } = self;
        write!(f, "{}", bold(format!("Job {}", job.index)))?;
        if let Some(at) = job.ended_at {
            write!(f, ", ended {} UTC", time(at))?;
        }
        if let Some(node) = job.node {
            write!(f, ", by node {node}")?;
        }
        writeln!(f)?;
        if *is_kept {
            writeln!(f, "Left with this machine by its node")?;
        }
        let Some(bytes) = bytes else {
            return writeln!(
                f,
                "It left no result: its node has stored none. Of a job that a keeper or its owner ended, the node may store one later."
            );
        };
        let Some(result) = JobResult::read(bytes) else {
            return writeln!(
                f,
                "Its result is not what nodes write; --output json prints it as it is."
            );
        };
        if let Some(status) = &result.status {
            writeln!(f, "Status: {}", printable_line(status))?;
        }
        if let Some(errors) = result.errors.as_ref().filter(|errors| !errors.is_null()) {
            writeln!(f, "Errors: {}", printable_line(&errors.to_string()))?;
        }
        if result.op_states.is_empty() {
            writeln!(
                f,
                "It tells nothing of its operations: the definition has it sent elsewhere."
            )?;
        }
        for op in &result.op_states {
            write_op(f, op)?;
        }
        Ok(())
    }
}

fn write_op(f: &mut fmt::Formatter<'_>, op: &OpState) -> fmt::Result {
    let id = op.operation_id.as_deref().unwrap_or("(unnamed)");
    write!(f, "\n{}", bold(printable_line(id)))?;
    if let Some(status) = &op.status {
        write!(f, ", {}", printable_line(status))?;
    }
    match op.exit_code {
        Some(code) => write!(f, ", exit code {code}")?,
        None => write!(f, ", no exit code")?,
    }
    let milliseconds = |value: &Option<serde_json::Value>| value.as_ref()?.as_u64();
    if let (Some(from), Some(until)) = (milliseconds(&op.start_time), milliseconds(&op.end_time)) {
        write!(f, ", {}", duration(until.saturating_sub(from) / 1_000))?;
    }
    writeln!(f)?;
    for line in &op.logs {
        write_log(f, line)?;
    }
    match &op.results {
        Some(results) if !results.is_null() => {
            writeln!(
                f,
                "{} {}",
                bold("Results:"),
                printable(&results.to_string())
            )
        }
        _ => Ok(()),
    }
}

/// A job's output steers no terminal: what would is shown as a question mark.
fn write_log(f: &mut fmt::Formatter<'_>, line: &LogLine) -> fmt::Result {
    let style = match line.stream.as_deref() {
        Some("stderr") => AnsiColor::Yellow.on_default(),
        Some("nodeerr") => AnsiColor::Red.on_default(),
        Some("stdin") => AnsiColor::BrightBlack.on_default(),
        _ => Style::new(),
    };
    let text = line.log.as_deref().unwrap_or_default();
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut shown = String::new();
    for each in text.split('\n') {
        writeln!(shown, "{style}{}{style:#}", printed_line(each))?;
    }
    f.write_str(&shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report(result: Option<serde_json::Value>) -> String {
        let job = Finished {
            index: 7,
            node: None,
            ended_at: Some(0),
            result: None,
        };
        let bytes = result.map(|value| value.to_string().into_bytes());
        let report = ResultReport {
            job: &job,
            bytes,
            is_kept: false,
        };
        anstream::adapter::strip_str(&report.to_string()).to_string()
    }

    #[test]
    fn a_result_shows_every_operation_and_steers_no_terminal() {
        let shown = report(Some(json!({"status": "success", "opStates": [
            {"operationId": "train", "status": "success", "exitCode": 3, "startTime": 1_000, "endTime": 62_000,
             "logs": [{"type": "stdout", "log": "one\r\ntwo\n"}, {"type": "stderr", "log": "\u{1b}[2Jwiped"}],
             "results": {"loss": ["0.1"]}},
            {"operationId": "late"},
        ]})));
        assert_eq!(
            shown,
            "Job 7, ended 1970-01-01 00:00:00 UTC\nStatus: success\n\n\
             train, success, exit code 3, 1 min 1 s\none\ntwo\n?[2Jwiped\nResults: {\"loss\":[\"0.1\"]}\n\n\
             late, no exit code\n"
        );
    }

    #[test]
    fn what_is_no_result_says_so() {
        assert!(report(None).contains("It left no result"));
        assert!(report(Some(json!("text"))).contains("not what nodes write"));
        assert!(report(Some(json!({"opStates": []}))).contains("sent elsewhere"));
    }

    #[test]
    fn streams_have_colours_of_their_own() {
        let written = |stream: &str| {
            struct Line(LogLine);
            impl fmt::Display for Line {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write_log(f, &self.0)
                }
            }
            Line(LogLine {
                stream: Some(stream.to_owned()),
                log: Some("x".to_owned()),
            })
            .to_string()
        };
        let all = ["stdin", "stdout", "stderr", "nodeerr"].map(written);
        let different: BTreeSet<&String> = all.iter().collect();
        assert_eq!(different.len(), 4, "{all:?}");
        assert_eq!(all[1], "x\n");
    }
}
