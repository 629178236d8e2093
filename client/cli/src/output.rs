//! What a command says: for people, or as JSON.

use crate::exit::{invalid, Unprinted};
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use comfy_table::{presets::NOTHING, Table};
use indicatif::{ProgressBar, ProgressStyle};
use nosana_deploy_client::text::printable;
use serde::Serialize;
use serde_json::Value;
use std::{fmt, time::Duration};

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    #[default]
    Display,
    /// JSON, indented
    Json,
    /// JSON, one line
    JsonCompact,
    /// Comma-separated values, of `history` alone
    Csv,
}

/// Said before anything is done.
pub(crate) const NO_CSV: &str = "--output: csv is for `history`; use display, json or json-compact";

impl Output {
    /// Prints a result. In JSON amounts are whole base units and times unix seconds.
    pub(crate) fn print<T: Serialize + fmt::Display>(self, result: &T) -> anyhow::Result<()> {
        let text = match self {
            Self::Display => result.to_string(),
            Self::Json => serde_json::to_string_pretty(result)?,
            Self::JsonCompact => serde_json::to_string(result)?,
            Self::Csv => return Err(invalid(NO_CSV)),
        };
        say(text.trim_end())
    }

    pub(crate) fn is_json(self) -> bool {
        self != Self::Display
    }

    /// Turns while something is awaited, once that takes a moment and somebody is watching.
    pub(crate) fn spinner(self, what: &str) -> Spinner {
        let bar = match self {
            Self::Display => ProgressBar::new_spinner(), // hidden unless stderr is a terminal
            _ => ProgressBar::hidden(),
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Spinner(bar)
    }
}

/// Goes away when it is dropped.
pub(crate) struct Spinner(ProgressBar);

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A line on stdout, without colours unless it is a terminal and NO_COLOR is unset. A full disk or a
/// reader that left is an error, so that the command ends.
pub(crate) fn say(line: impl fmt::Display) -> anyhow::Result<()> {
    use std::io::Write;
    let mut out = anstream::stdout();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    Ok(written.map_err(Unprinted)?)
}

/// A line that a job printed: it steers no terminal.
pub(crate) fn printed_line(line: &str) -> String {
    printable(&line.trim_end_matches('\r').replace('\t', "    "))
}

/// Text in bold.
pub(crate) fn bold(text: impl fmt::Display) -> String {
    let style = Style::new().bold();
    format!("{style}{text}{style:#}")
}

/// A status in its colour.
pub(crate) fn status(status: nosana_deploy_client::domain::status::Status) -> String {
    use nosana_deploy_client::domain::status::Status::*;
    let color = match status {
        Running => AnsiColor::Green,
        Starting | Stopping => AnsiColor::Yellow,
        Error | InsufficientFunds => AnsiColor::Red,
        Draft | Stopped | Archived => AnsiColor::BrightBlack,
    };
    let style = color.on_default().bold();
    format!("{style}{}{style:#}", status.name())
}

/// Labelled lines, in JSON an object.
#[derive(Default)]
pub(crate) struct Facts(Vec<Fact>);

struct Fact {
    label: &'static str,
    shown: String,
    key: &'static str,
    value: Value,
}

impl Facts {
    /// Adds a line `label: shown` for people, and `key: value` in JSON; an empty label or key leaves one
    /// out.
    pub(crate) fn add(
        &mut self,
        label: &'static str,
        shown: impl fmt::Display,
        key: &'static str,
        value: impl Into<Value>,
    ) {
        self.0.push(Fact {
            label,
            shown: shown.to_string(),
            key,
            value: value.into(),
        });
    }

    /// Adds a line whose JSON is the text that people see.
    pub(crate) fn text(&mut self, label: &'static str, key: &'static str, text: impl fmt::Display) {
        let text = text.to_string();
        self.add(label, &text, key, text.as_str());
    }

    /// Label and text of the fact called `key`.
    pub(crate) fn line(&self, key: &str) -> Option<(&str, &str)> {
        let fact = self.0.iter().find(|fact| fact.key == key)?;
        Some((fact.label, fact.shown.as_str()))
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .0
            .iter()
            .map(|fact| fact.label.len())
            .max()
            .unwrap_or(0);
        for fact in self.0.iter().filter(|fact| !fact.label.is_empty()) {
            let width = width + 1;
            let label = format!("{:<width$}", format!("{}:", fact.label));
            writeln!(f, "{} {}", bold(label), fact.shown)?;
        }
        Ok(())
    }
}

impl Serialize for Facts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = self.0.iter().filter(|fact| !fact.key.is_empty());
        serializer.collect_map(named.map(|fact| (fact.key, &fact.value)))
    }
}

/// A JSON object and further fields of it.
pub(crate) fn with_fields<const N: usize>(
    object: &impl Serialize,
    fields: [(&'static str, Value); N],
) -> Value {
    let mut members = match serde_json::to_value(object) {
        Ok(Value::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    members.extend(fields.map(|(key, value)| (key.to_owned(), value)));
    Value::Object(members)
}

/// A table for people: columns as wide as their widest cell.
pub(crate) fn table(
    f: &mut fmt::Formatter<'_>,
    header: &[&str],
    rows: &[Vec<String>],
) -> fmt::Result {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(header).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for (number, line) in table.lines().enumerate() {
        match number {
            0 => writeln!(f, "{}", bold(line.trim_end()))?,
            _ => writeln!(f, "{}", line.trim_end())?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Names;

    impl fmt::Display for Names {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let rows = ["日本", "ä", "plain"].map(|name| vec![name.to_owned(), "1".to_owned()]);
            table(f, &["NAME", "ID"], &rows)
        }
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let shown = Names.to_string();
        let columns: Vec<&str> = shown.lines().skip(1).collect();
        assert_eq!(columns, ["日本   1", "ä      1", "plain  1"]);
    }
}
