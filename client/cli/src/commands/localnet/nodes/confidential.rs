//! What a node does with a stub: it fetches the definition from its owner's server, and leaves the result there.

use crate::node_api::authorization;
use anyhow::{bail, Context as _, Result};
use nosana_deploy_client::{confidential::commitment, definition::Definition};
use serde_json::Value;
use solana_keypair::Keypair;
use solana_program::pubkey::Pubkey;

/// The definition that a stub stands for.
pub(super) async fn fetch(
    http: &reqwest::Client,
    stub: &Definition,
    job: &Pubkey,
    node: &Keypair,
) -> Result<Definition> {
    let url = endpoint(stub, "send", job)?;
    let asked = http
        .get(url)
        .header("Authorization", authorization(job, node));
    let answer = asked.send().await?;
    let status = answer.status();
    if !status.is_success() {
        bail!("the owner's server answered {status} for the definition of {job}");
    }
    let text = answer.text().await?;
    let digest = commitment(stub).context("no stub")?;
    Definition::read(&text, &digest).context("the owner's server hands out another definition")
}

/// Leaves a result with the owner.
pub(super) async fn deliver(
    http: &reqwest::Client,
    stub: &Definition,
    job: &Pubkey,
    node: &Keypair,
    result: &Value,
) -> Result<()> {
    let url = endpoint(stub, "receive", job)?;
    let sent = http
        .post(url)
        .header("Authorization", authorization(job, node))
        .body(result.to_string());
    let status = sent.send().await?.status();
    match status.is_success() {
        true => Ok(()),
        false => bail!("the owner's server answered {status} to its result"),
    }
}

fn endpoint(stub: &Definition, direction: &str, job: &Pubkey) -> Result<String> {
    let place = format!("/logistics/{direction}/args/endpoint");
    let url = stub.value().pointer(&place).and_then(Value::as_str);
    let url = url.context("a stub without an endpoint")?;
    Ok(url.replace("%%global.job%%", &job.to_string()))
}
