//! `ssh`: the way into the container of a running job.

use crate::{
    context::Context,
    exit::invalid,
    node_api::{AccessOptions, NodeApi},
    output::Facts,
};
use anyhow::Result;
use clap::Args;
use nosana_deploy_client::endpoints::NODE_DOMAIN;
use reqwest::Method;
use serde_json::json;
use solana_program::pubkey::Pubkey;
use std::path::{Path, PathBuf};

/// Print the ssh command that enters a running job's container
///
/// For deployments with an access key, whose nodes answer to it. Whoever has a key among the job
/// definition's `ssh.public_keys`, or one that --authorize named, may log in. The command needs `socat`.
#[derive(Args)]
pub(crate) struct Ssh {
    /// The deployment's address, or its number among the wallet's deployments
    deployment: String,
    /// The job's number, as `status` shows it
    job: u64,
    /// Have the job's node let this public key in first, for example ~/.ssh/id_ed25519.pub
    #[arg(long, value_name = "FILE")]
    authorize: Option<PathBuf>,
    #[command(flatten)]
    access: AccessOptions,
}

/// Where nodes' proxy takes connections for ssh.
const PROXY_PORT: u16 = 5002;

impl Ssh {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let address = context.deployment_address(&self.deployment)?;
        let key = self.authorize.as_deref().map(public_key).transpose()?;
        let (node, job) = context.block_on(async {
            context.cluster.require_program().await?;
            let node = NodeApi::of(context, &address, self.job, &self.access).await?;
            if let Some(key) = &key {
                let body = json!({"sshPublicKey": key});
                node.ask(Method::POST, "ssh/authorize", Some(&body)).await?;
            }
            Ok((node.node(), node.job()))
        })?;
        let mut facts = Facts::default();
        facts.text("Command", "command", command(&node, &job));
        facts.add("", "", "job", self.job);
        facts.add("", "", "node", node.to_string());
        if let Some(key) = key {
            facts.text("Let in", "authorized", key);
        }
        context.output.print(&facts)
    }
}

fn command(node: &Pubkey, job: &Pubkey) -> String {
    format!(
        "ssh -o 'ProxyCommand=socat - PROXY:{NODE_DOMAIN}:%h:%p,proxyport={PROXY_PORT}' nosana-{job}@{node}-ssh.{NODE_DOMAIN}"
    )
}

/// The public key in a file.
fn public_key(file: &Path) -> Result<String> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| invalid(format!("--authorize {shown}: {error}")))?;
    read_public_key(&text).map_err(|valid| invalid(format!("--authorize {shown}: {valid}")))
}

/// As OpenSSH writes it, a line of an algorithm, base64 and perhaps a comment, which stays here.
fn read_public_key(text: &str) -> Result<String, &'static str> {
    if text.contains("PRIVATE KEY") {
        return Err("that is a private key, which must never leave this machine; use the file that ends in .pub");
    }
    let mut words = text.split_whitespace();
    let is_one_line = text.trim().lines().count() == 1;
    match (words.next(), words.next()) {
        (Some(kind), Some(base64)) if is_one_line && is_kind(kind) && is_base64(base64) => {
            Ok(format!("{kind} {base64}"))
        }
        _ => Err("not a public key; use one line as OpenSSH writes it: ssh-ed25519 AAAA..."),
    }
}

fn is_kind(kind: &str) -> bool {
    let starts = ["ssh-", "ecdsa-", "sk-"];
    let plain = |c: char| c.is_ascii_alphanumeric() || "-@.".contains(c);
    starts.iter().any(|start| kind.starts_with(start)) && kind.chars().all(plain)
}

fn is_base64(text: &str) -> bool {
    const SHORTEST: usize = 40;
    let plain = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    text.len() >= SHORTEST && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0XqCL4vLIsYRvd5VmtbOJ8IEKDJpjaVWQ5lmxWVTq5";

    #[test]
    fn a_public_key_is_read_without_its_comment_and_a_private_one_never() {
        assert_eq!(read_public_key(&format!("{KEY} me@home\n")).unwrap(), KEY);
        let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nSECRET\n";
        let said = read_public_key(private).unwrap_err();
        assert!(said.contains("must never leave") && !said.contains("SECRET"));
        for wrong in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 short",
            &format!("{KEY}\n{KEY}"),
            &KEY[4..],
        ] {
            assert!(read_public_key(wrong).is_err(), "{wrong}");
        }
    }
}
