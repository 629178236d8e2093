//! `endpoints`: where a deployment's operations are served.

use crate::{
    context::Context,
    definitions,
    node_api::local_host,
    output::{bold, table, Facts},
    profile::Profile,
};
use anyhow::Result;
use clap::Args;
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    definition::Definition,
    endpoints::{of_deployment, of_job, Endpoint, Endpoints, Hidden},
};
use serde::Serialize;
use serde_json::{json, Value};
use solana_program::pubkey::Pubkey;
use std::{
    fmt,
    time::{Duration, Instant},
};

/// Show where a deployment's operations are served
///
/// One address for each operation that exposes ports, whatever job runs it: it outlives rotations, revisions
/// and restarts. Each active job has addresses of its own besides.
#[derive(Args)]
pub(crate) struct ShowEndpoints {
    /// The deployment's address, or its number among the wallet's deployments
    deployment: String,
    /// Where to fetch a job definition that was not published from this machine, for example
    /// `https://ipfs.io`
    #[arg(long, value_name = "URL")]
    ipfs_gateway: Option<String>,
    /// Ask each address whether it answers
    #[arg(long)]
    check: bool,
}

impl ShowEndpoints {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let address = context.deployment_address(&self.deployment)?;
        let report = context.block_on(async {
            context.cluster.require_program().await?;
            let deployment = context.cluster.deployment(&address).await?;
            let digest = &deployment.header.job_definition;
            let gateway = self.ipfs_gateway.as_deref();
            let definition = definitions::find_or_fetch(context, digest, gateway).await?;
            let mut report = EndpointReport::new(context, &deployment, &definition);
            if self.check {
                let _spinner = context.output.spinner("asking");
                report.check().await?;
            }
            Ok(report)
        })?;
        context.output.print(&report)
    }
}

/// Where a deployment is served, if this machine knows what it runs.
pub(crate) fn known(profile: &Profile, deployment: &DeploymentAccount) -> Option<Endpoints> {
    let definition = definitions::find_real(&deployment.header.job_definition)?;
    let endpoints = of_deployment(&definition, &deployment.project());
    Some(profile.reached(endpoints))
}

/// Those that are known, as the service's API has them.
pub(crate) fn endpoints_json(endpoints: &Endpoints) -> Value {
    let known = endpoints.known.iter();
    let each = known.map(|one| json!({"op": one.op, "port": one.port, "url": one.url}));
    each.collect()
}

/// Those that are known, in a line.
pub(crate) fn brief(endpoints: &Endpoints) -> String {
    let known = endpoints.known.iter();
    let each = known.map(|Endpoint { op, url, .. }| format!("{op} {url}"));
    each.collect::<Vec<_>>().join(", ")
}

/// What is served where: a line, and one for each operation that has no address.
pub(crate) fn endpoint_facts(endpoints: &Endpoints, facts: &mut Facts) {
    let label = match endpoints.known.len() {
        0 => "",
        1 => "Endpoint",
        _ => "Endpoints",
    };
    facts.add(
        label,
        brief(endpoints),
        "endpoints",
        endpoints_json(endpoints),
    );
    for Hidden { op, why } in &endpoints.hidden {
        facts.add("No endpoint", format!("{op}: {why}"), "", Value::Null);
    }
}

/// An address, of which job, and whether it answers.
struct Line {
    job: Option<u64>,
    endpoint: Endpoint,
    answer: Option<Answer>,
}

/// Whether an address answers.
pub(crate) struct Answer {
    pub(crate) state: &'static str,
    pub(crate) latency: Duration,
}

struct EndpointReport {
    deployment: Pubkey,
    lines: Vec<Line>,
    hidden: Vec<Hidden>,
}

impl EndpointReport {
    fn new(context: &Context, deployment: &DeploymentAccount, definition: &Definition) -> Self {
        let reached = |endpoints| context.profile.reached(endpoints);
        let Endpoints { known, hidden } = reached(of_deployment(definition, &deployment.project()));
        let line = |job, endpoint| Line {
            job,
            endpoint,
            answer: None,
        };
        let mut lines: Vec<Line> = known.into_iter().map(|one| line(None, one)).collect();
        // Those of another revision run another definition.
        let current = deployment
            .jobs
            .iter()
            .filter(|job| job.revision == deployment.header.revision);
        for job in current {
            let address = deployment.job_address(job.index);
            let of_this = reached(of_job(definition, &address)).known.into_iter();
            lines.extend(of_this.map(|one| line(Some(job.index), one)));
        }
        Self {
            deployment: deployment.address,
            lines,
            hidden,
        }
    }

    async fn check(&mut self) -> Result<()> {
        let urls = self.lines.iter().map(|line| line.endpoint.url.as_str());
        let client = asker(urls)?;
        for line in &mut self.lines {
            line.answer = Some(ask(&client, &line.endpoint.url).await);
        }
        Ok(())
    }
}

/// What asks these addresses; those of a localnet mean this machine.
pub(crate) fn asker<'a>(urls: impl Iterator<Item = &'a str>) -> Result<reqwest::Client> {
    const PATIENCE: Duration = Duration::from_secs(10);
    let mut builder = reqwest::Client::builder().timeout(PATIENCE);
    for host in urls.filter_map(local_host) {
        builder = builder.resolve(host, (std::net::Ipv4Addr::LOCALHOST, 0).into());
    }
    Ok(builder.build()?)
}

/// `up` if something answers, `down` if nothing does, `unknown` if nobody says that there is something.
pub(crate) async fn ask(client: &reqwest::Client, url: &str) -> Answer {
    let since = Instant::now();
    let mut status = client.head(url).send().await.map(|answer| answer.status());
    if status
        .as_ref()
        .is_ok_and(|status| matches!(status.as_u16(), 405 | 501))
    {
        status = client.get(url).send().await.map(|answer| answer.status());
    }
    let state = match status {
        Ok(status) if status.is_server_error() => "down",
        Ok(status) if status.as_u16() == 404 => "unknown",
        Ok(_) => "up",
        Err(_) => "down",
    };
    Answer {
        state,
        latency: since.elapsed(),
    }
}

impl fmt::Display for EndpointReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines.is_empty() && self.hidden.is_empty() {
            return writeln!(f, "The job definition exposes no ports.");
        }
        let rows: Vec<Vec<String>> = self
            .lines
            .iter()
            .map(|line| {
                let of = line.job.map_or("all".into(), |job| job.to_string());
                let answer = line.answer.as_ref().map_or_else(String::new, |answer| {
                    format!("{}, {} ms", answer.state, answer.latency.as_millis())
                });
                let Endpoint { op, port, url } = &line.endpoint;
                vec![of, op.clone(), port.to_string(), url.clone(), answer]
            })
            .collect();
        if !rows.is_empty() {
            table(f, &["JOB", "OPERATION", "PORT", "ADDRESS", ""], &rows)?;
        }
        for Hidden { op, why } in &self.hidden {
            writeln!(f, "{} has no address: {why}.", bold(op))?;
        }
        Ok(())
    }
}

impl Serialize for EndpointReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let line = |line: &Line| {
            let Endpoint { op, port, url } = &line.endpoint;
            let mut value = json!({"op": op, "port": port, "url": url});
            if let Some(answer) = &line.answer {
                let latency = u64::try_from(answer.latency.as_millis()).unwrap_or(u64::MAX);
                value["state"] = json!(answer.state);
                value["latency_ms"] = json!(latency);
            }
            if let Some(job) = line.job {
                value["job"] = json!(job);
            }
            value
        };
        let of = |is_of: fn(&Line) -> bool| -> Vec<Value> {
            self.lines
                .iter()
                .filter(|one| is_of(one))
                .map(line)
                .collect()
        };
        let hidden = self.hidden.iter();
        json!({
            "deployment": self.deployment.to_string(),
            "endpoints": of(|line| line.job.is_none()),
            "jobs": of(|line| line.job.is_some()),
            "without_address": hidden
                .map(|Hidden { op, why }| json!({"op": op, "why": why.to_string()}))
                .collect::<Vec<_>>(),
        })
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    /// Answers one request after another with these statuses.
    fn server(statuses: &'static [&'static str]) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for status in statuses {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 4_096]);
                let close = "Content-Length: 0\r\nConnection: close";
                let _ = write!(stream, "HTTP/1.1 {status}\r\n{close}\r\n\r\n");
            }
        });
        url
    }

    #[tokio::test]
    async fn what_answers_is_up_and_what_nobody_knows_is_unknown() {
        let client = reqwest::Client::new();
        let cases: [(&[&str], &str); 5] = [
            (&["200 OK"], "up"),
            (&["401 Unauthorized"], "up"),
            (&["405 Method Not Allowed", "200 OK"], "up"),
            (&["404 Not Found"], "unknown"),
            (&["502 Bad Gateway"], "down"),
        ];
        for (statuses, state) in cases {
            assert_eq!(ask(&client, &server(statuses)).await.state, state);
        }
        assert_eq!(ask(&client, "http://127.0.0.1:1").await.state, "down");
    }
}
