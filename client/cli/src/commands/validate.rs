//! `validate`: files, without a cluster.

use crate::{commands::read, exit::invalid, format::counted, output::Output};
use anyhow::Result;
use clap::Args;
use nosana_deploy_client::{
    definition::Definition,
    seeds,
    spec::{parse_json, SpecErrors},
    DeploymentSpec,
};
use serde::Serialize;
use serde_json::json;
use solana_program::pubkey::Pubkey;
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Check files of deployments and of job definitions, without a cluster
///
/// Every mistake is a line: the file, the place in it, the value, and what would be valid. Exits 2
/// if there is one.
#[derive(Args)]
pub(crate) struct Validate {
    /// JSON files; comments are allowed
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The wallet that will create the deployment: what is pinned names the deployment's address
    #[arg(long, value_name = "PUBKEY", requires = "id")]
    owner: Option<Pubkey>,
    /// Its number among the wallet's deployments
    #[arg(long, value_name = "NUMBER", requires = "owner")]
    id: Option<u64>,
}

impl Validate {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let deployment = self.owner.zip(self.id);
        let deployment = deployment.map(|(owner, id)| seeds::deployment_address(&owner, id).0);
        let files = self.files.iter();
        let checked: Vec<Checked> = files
            .map(|file| Checked::new(file, deployment.as_ref()))
            .collect();
        let failed = checked
            .iter()
            .filter(|checked| checked.outcome.is_err())
            .count();
        output.print(&ValidationReport(checked))?;
        match failed {
            0 => Ok(()),
            failed => {
                let files = counted(u64::try_from(failed).unwrap_or(u64::MAX), "file");
                Err(invalid(format!("{files} not valid")))
            }
        }
    }
}

/// A deployment of which a stub is pinned.
const CONFIDENTIAL: &str = "confidential";

struct Checked {
    file: PathBuf,
    outcome: Result<Valid, anyhow::Error>,
}

struct Valid {
    kind: &'static str,
    /// The CID of what is pinned; `None` while that depends on which deployment it will be.
    job_definition: Option<String>,
}

impl Checked {
    fn new(file: &Path, deployment: Option<&Pubkey>) -> Self {
        Self {
            file: file.to_owned(),
            outcome: check(file, deployment),
        }
    }

    fn mistakes(&self) -> Vec<(Option<&str>, String)> {
        let Err(error) = &self.outcome else {
            return Vec::new();
        };
        match error.downcast_ref::<SpecErrors>() {
            Some(errors) => {
                let each = errors.0.iter();
                each.map(|error| (Some(error.field.as_str()), error.to_string()))
                    .collect()
            }
            None => vec![(None, error.to_string())],
        }
    }
}

/// A file with `ops` is a job definition's, any other a deployment's.
fn check(file: &Path, deployment: Option<&Pubkey>) -> Result<Valid> {
    let text = read(file)?;
    let value = parse_json(&text)?;
    let (kind, definition) = if value.get("ops").is_none() {
        let spec = DeploymentSpec::from_json(&text)?;
        if spec.confidential {
            return Ok(Valid {
                kind: CONFIDENTIAL,
                job_definition: None,
            });
        }
        (spec.settings.strategy.name(), spec.job_definition)
    } else {
        let errors = SpecErrors::of_job("", &value);
        if !errors.0.is_empty() {
            return Err(errors.into());
        }
        ("job definition", value)
    };
    let nobody = Pubkey::default();
    let named = Definition::names_itself(&definition).then_some(&nobody);
    let deployment = deployment.or(named);
    Ok(Valid {
        kind,
        job_definition: deployment.map(|address| Definition::new(&definition, address).cid()),
    })
}

struct ValidationReport(Vec<Checked>);

impl fmt::Display for ValidationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for checked in &self.0 {
            let file = checked.file.display();
            if let Ok(Valid {
                kind,
                job_definition,
            }) = &checked.outcome
            {
                let cid = job_definition.as_deref().unwrap_or(match *kind {
                    CONFIDENTIAL => "what is pinned depends on the deployment and your server",
                    _ => "what is pinned depends on the deployment: --owner and --id tell its CID",
                });
                writeln!(f, "{file}: ok, {kind}, {cid}")?;
            }
            for (place, mistake) in checked.mistakes() {
                match place {
                    Some(_) => writeln!(f, "{file}: {mistake}")?,
                    None => writeln!(f, "{mistake}")?,
                }
            }
        }
        Ok(())
    }
}

impl Serialize for ValidationReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|checked| {
            let mistakes = checked.mistakes();
            let mistakes = mistakes
                .iter()
                .map(|(place, error)| json!({"place": place, "error": error}));
            let valid = checked.outcome.as_ref().ok();
            json!({
                "file": checked.file.display().to_string(),
                "valid": valid.is_some(),
                "kind": valid.map(|valid| valid.kind),
                "job_definition": valid.and_then(|valid| valid.job_definition.as_deref()),
                "errors": mistakes.collect::<Vec<_>>(),
            })
        }))
    }
}
