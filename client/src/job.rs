//! Nosana's job definitions: what a node runs. The types in [`schema`] are the one description of
//! what is valid; the JSON Schema for editors and the check here are both made from them. What a
//! schema cannot say (unique ids, cycles, ports, regular expressions) is in `semantics`.
//!
//! The check agrees with Nosana's own validator, except that it also refuses what no node can run: an
//! empty list of operations, empty ids and images, impossible ports, dependencies on missing operations,
//! cycles, and regular expressions that do not compile.

pub mod schema;
mod semantics;
mod violations;

use crate::path::Path;
use schemars::{generate::SchemaSettings, transform::RecursiveTransform, JsonSchema, Schema};
use serde_json::Value;
use std::sync::OnceLock;

/// One thing that is wrong: where, and what would be valid.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// From the definition's root.
    pub path: Path,
    /// The value as people may see it, secrets hidden; `None` if it is missing.
    pub value: Option<String>,
    /// What would be valid.
    pub valid: String,
}

/// Everything that is wrong with a job definition; nothing if it is valid.
///
/// ```
/// let job = serde_json::json!({"version": "0.1", "type": "container", "ops": [
///     {"type": "container/run", "id": "a", "args": {"image": "nginx", "ports": ["80:80"]}}
/// ]});
/// let violations = nosana_deploy_client::job::check(&job);
/// assert_eq!(violations[0].path.to_string(), "ops[0].args.ports");
/// assert_eq!(violations[0].valid, "no such field; use expose");
/// ```
pub fn check(definition: &Value) -> Vec<Violation> {
    let mut violations = violations::structural(compiled(), json_schema(), definition);
    violations.extend(semantics::violations(definition));
    violations
}

/// The JSON Schema of job definitions.
pub fn json_schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| generate::<schema::JobDefinition>().to_value())
}

/// A JSON Schema that allows no `null`: whoever does not want an optional field leaves it out.
pub(crate) fn generate<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(forbid_null));
    settings.into_generator().into_root_schema_for::<T>()
}

fn forbid_null(schema: &mut Schema) {
    let is_null = |value: &Value| value == "null" || value.get("type") == Some(&"null".into());
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|value| !is_null(value));
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(branches)) = schema.get_mut("anyOf") {
        branches.retain(|branch| !is_null(branch));
        if let [Value::Object(only)] = branches.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            for (key, value) in only {
                // A field's own description says more than its type's.
                if schema.get(&key).is_none() {
                    schema.insert(key, value);
                }
            }
        }
    }
}

#[allow(clippy::expect_used)] // The schema is made from types of this crate; a test compiles it.
fn compiled() -> &'static jsonschema::Validator {
    static COMPILED: OnceLock<jsonschema::Validator> = OnceLock::new();
    COMPILED.get_or_init(|| jsonschema::validator_for(json_schema()).expect("the schema is valid"))
}

#[cfg(test)]
mod tests;
