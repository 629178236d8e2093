//! `validate`: files, without a cluster.

use crate::{commands::read, exit::invalid, format::counted, output::Output};
use anyhow::Result;
use clap::Args;
use nosana_deploy_client::{
    digest, json,
    spec::{parse_json, SpecErrors},
    DeploymentSpec,
};
use serde::Serialize;
use serde_json::json;
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
}

impl Validate {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let checked: Vec<Checked> = self.files.iter().map(|file| Checked::new(file)).collect();
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

struct Checked {
    file: PathBuf,
    outcome: Result<Valid, anyhow::Error>,
}

struct Valid {
    kind: &'static str,
    job_definition: String,
}

impl Checked {
    fn new(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            outcome: check(file),
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
fn check(file: &Path) -> Result<Valid> {
    let text = read(file)?;
    let value = parse_json(&text)?;
    if value.get("ops").is_none() {
        let spec = DeploymentSpec::from_json(&text)?;
        return Ok(Valid {
            kind: spec.settings.strategy.name(),
            job_definition: digest::cid(&spec.job_definition_digest),
        });
    }
    let errors = SpecErrors::of_job("", &value);
    if !errors.0.is_empty() {
        return Err(errors.into());
    }
    Ok(Valid {
        kind: "job definition",
        job_definition: digest::cid(&digest::digest(json::stringify(&value).as_bytes())),
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
                writeln!(f, "{file}: ok, {kind}, {job_definition}")?;
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
                "job_definition": valid.map(|valid| valid.job_definition.as_str()),
                "errors": mistakes.collect::<Vec<_>>(),
            })
        }))
    }
}
