//! Turns what the JSON Schema finds into errors for people: if a value fits no branch of a union, they
//! say only what is wrong with the branch that was meant.

use super::Violation;
use crate::path::{Path, Step};
use jsonschema::{
    error::ValidationErrorKind as Kind, paths::LocationSegment, ValidationError, Validator,
};
use serde_json::Value;

/// Everything that `schema` refuses in `document`.
pub(super) fn structural(
    validator: &Validator,
    schema: &Value,
    document: &Value,
) -> Vec<Violation> {
    let reader = Reader { schema, document };
    validator
        .iter_errors(document)
        .flat_map(|error| reader.violations(&error))
        .collect()
}

/// Fields under these keys may hold secrets.
const SECRET: [&str; 4] = ["env", "IAM", "authentication", "accessToken"];

/// A value as an error shows it: short, and never a secret.
pub(super) fn shown(path: &Path, value: &Value) -> String {
    match value {
        Value::Object(members) if !members.is_empty() => "{...}".into(),
        Value::Array(items) if !items.is_empty() => "[...]".into(),
        Value::String(_) | Value::Number(_) if path.passes(&SECRET) => "<hidden>".into(),
        other => crate::spec::shorten(other),
    }
}

/// Names that other systems use, and what they are called here.
const MEANT: [(&str, &str); 6] = [
    ("ports", "expose"),
    ("mounts", "volumes"),
    ("command", "cmd"),
    ("environment", "env"),
    ("workdir", "work_dir"),
    ("healthchecks", "health_checks"),
];

struct Reader<'a> {
    schema: &'a Value,
    document: &'a Value,
}

impl Reader<'_> {
    fn violations(&self, error: &ValidationError) -> Vec<Violation> {
        let path = path_of(error);
        match error.kind() {
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                match meant(context, error) {
                    Some(branch) => branch
                        .iter()
                        .flat_map(|error| self.violations(error))
                        .collect(),
                    None => vec![self.refused(path, self.description(error))],
                }
            }
            Kind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                vec![Violation {
                    path: path.key(name),
                    value: None,
                    valid: self.field_description(error, name),
                }]
            }
            Kind::AdditionalProperties { unexpected } => unexpected
                .iter()
                .map(|name| {
                    let valid = match MEANT.iter().find(|(other, _)| other == name) {
                        Some((_, ours)) => format!("no such field; use {ours}"),
                        None => format!("no such field; there are {}", self.fields(error)),
                    };
                    self.refused(path.key(name), valid)
                })
                .collect(),
            // `dependentRequired` is the one other rule that concerns an object's fields.
            _ if error.schema_path().as_str().contains("dependentRequired") => {
                vec![self.refused(
                    path,
                    "use stop_if_dependent_stops with depends_on only".into(),
                )]
            }
            _ => vec![self.refused(path, self.description(error))],
        }
    }

    fn refused(&self, path: Path, valid: String) -> Violation {
        let value = find(self.document, &path).map(|value| shown(&path, value));
        Violation { path, value, valid }
    }

    /// The description beside the keyword that failed: what would be valid.
    fn description(&self, error: &ValidationError) -> String {
        self.described(self.beside(error))
    }

    fn field_description(&self, error: &ValidationError, name: &str) -> String {
        let field = self
            .beside(error)
            .and_then(|schema| schema.get("properties")?.get(name));
        self.described(field)
    }

    fn described(&self, schema: Option<&Value>) -> String {
        let of_type = |schema: &Value| {
            Some(match schema.get("type")?.as_str()? {
                "string" => "a string",
                "number" | "integer" => "a number",
                "boolean" => "true or false",
                "array" => "a list",
                _ => "an object",
            })
        };
        let own = |schema: &Value| {
            let description = schema.get("description").and_then(Value::as_str);
            Some(description.or_else(|| of_type(schema))?.to_owned())
        };
        let text = schema.and_then(|schema| {
            own(schema).or_else(|| {
                let target = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
                own(self.schema.pointer(target)?)
            })
        });
        format!(
            "use {}",
            text.as_deref().unwrap_or("what the schema allows")
        )
    }

    fn fields(&self, error: &ValidationError) -> String {
        let fields = self
            .beside(error)
            .and_then(|schema| schema.get("properties")?.as_object());
        let names: Vec<&str> = fields
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        names.join(", ")
    }

    /// The schema that holds the keyword that failed.
    fn beside(&self, error: &ValidationError) -> Option<&Value> {
        let keyword = error.schema_path().as_str();
        let (holder, _) = keyword.rsplit_once('/')?;
        self.schema.pointer(holder)
    }
}

/// The branch of a union that was meant: the one whose `type` or `policy` the value names, else the
/// only one for JSON of this kind, else the one with the fewest errors.
fn meant<'a>(
    branches: &'a [Vec<ValidationError<'static>>],
    union: &ValidationError,
) -> Option<&'a [ValidationError<'static>]> {
    let here = union.instance_path().as_str();
    let of_another_kind = |error: &ValidationError| {
        let at = error.instance_path().as_str();
        let names_kind =
            at.strip_prefix(here) == Some("/type") || at.strip_prefix(here) == Some("/policy");
        let no_name = matches!(error.kind(), Kind::Required { property } if *property == "type" || *property == "__spread__");
        let refused = matches!(
            error.kind(),
            Kind::Type { .. } | Kind::Constant { .. } | Kind::Enum { .. } | Kind::Pattern { .. }
        );
        (names_kind || at == here) && refused || at == here && no_name
    };
    branches
        .iter()
        .filter(|errors| !errors.iter().any(of_another_kind))
        .min_by_key(|errors| errors.len())
        .map(Vec::as_slice)
}

fn path_of(error: &ValidationError) -> Path {
    let steps = error
        .instance_path()
        .into_iter()
        .map(|segment| match segment {
            LocationSegment::Property(key) => Step::Key(key.to_string()),
            LocationSegment::Index(index) => Step::Index(index),
        });
    Path(steps.collect())
}

fn find<'a>(document: &'a Value, path: &Path) -> Option<&'a Value> {
    path.0.iter().try_fold(document, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Index(index) => value.get(index),
    })
}
