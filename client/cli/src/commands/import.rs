//! `import`: deployments of Nosana's own service, as files of ours.

use crate::{
    commands::read,
    exit::invalid,
    output::{bold, Output},
};
use anyhow::Result;
use clap::Args;
use nosana_deploy_client::{
    spec::{import, parse_json, Imported},
    text::printable_line,
};
use serde::Serialize;
use serde_json::{json, Value};
use std::{
    fmt,
    io::Write,
    path::{Path, PathBuf},
};

/// Turn an answer of Nosana's deployment service into files of deployments, and say what differs
///
/// Needs no cluster and sends nothing: save what the service's API answers about one deployment, or about
/// all, and name the file. Exits 2 if something has to be mended by hand; the files are written all the same.
#[derive(Args)]
pub(crate) struct Import {
    /// The answer: JSON of a deployment, or of a list of them
    file: PathBuf,
    /// Where the files go; none that is there is changed
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    outdir: PathBuf,
}

impl Import {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let answer = parse_json(&read(&self.file)?)?;
        let all = import(&answer)?.into_iter();
        let written: Vec<Written> = all
            .map(|imported| self.write(imported))
            .collect::<Result<_>>()?;
        let unfinished = written.iter().any(|one| !one.imported.mistakes.is_empty());
        output.print(&ImportReport(written))?;
        match unfinished {
            true => Err(invalid(
                "mend what is above, then `nosana-deploy validate` the files",
            )),
            false => Ok(()),
        }
    }

    fn write(&self, imported: Imported) -> Result<Written> {
        let name = imported.deployment.get("name").and_then(Value::as_str);
        let stem = file_stem(name.unwrap_or_default());
        let text = serde_json::to_string_pretty(&imported.deployment)?;
        for number in 1_u32.. {
            let name = match number {
                1 => format!("{stem}.json"),
                number => format!("{stem}-{number}.json"),
            };
            let file = self.outdir.join(name);
            match create(&file, &text) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                written => {
                    let shown = file.display();
                    written.map_err(|error| invalid(format!("--outdir {shown}: {error}")))?;
                    return Ok(Written { file, imported });
                }
            }
        }
        Err(invalid("--outdir: no name is free"))
    }
}

/// A new file: definitions may hold secrets, so its owner alone may read it.
fn create(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    writeln!(options.open(file)?, "{text}")
}

/// A file's name after a deployment's: letters and digits, and dashes for everything else.
fn file_stem(name: &str) -> String {
    let kept = name.to_lowercase();
    let words = kept.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    match words.is_empty() {
        true => "deployment".into(),
        false => words.join("-"),
    }
}

struct Written {
    file: PathBuf,
    imported: Imported,
}

struct ImportReport(Vec<Written>);

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return writeln!(f, "No deployments.");
        }
        for Written { file, imported } in &self.0 {
            writeln!(f, "{}", bold(file.display()))?;
            for note in &imported.notes {
                writeln!(f, "  {}", printable_line(note))?;
            }
            for mistake in &imported.mistakes {
                let mistake = printable_line(&mistake.to_string());
                writeln!(f, "  {} {mistake}", bold("to be mended:"))?;
            }
        }
        Ok(())
    }
}

impl Serialize for ImportReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|Written { file, imported }| {
            let mistakes = imported.mistakes.iter().map(ToString::to_string);
            json!({
                "file": file.display().to_string(),
                "differs": imported.notes,
                "mistakes": mistakes.collect::<Vec<_>>(),
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_after_its_deployment_and_nothing_else() {
        assert_eq!(file_stem("Pytorch Jupyter (v2)"), "pytorch-jupyter-v2");
        assert_eq!(file_stem("../../etc/passwd"), "etc-passwd");
        assert_eq!(file_stem("日本"), "deployment");
    }
}
