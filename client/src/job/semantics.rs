//! Rules that a JSON Schema cannot state. Each looks only at well-formed values: the schema has already
//! reported the others.

use super::{violations::shown, Violation};
use crate::path::Path;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is wrong with a definition beyond its shape.
pub(super) fn violations(definition: &Value) -> Vec<Violation> {
    let Some(ops) = definition.get("ops").and_then(Value::as_array) else {
        return Vec::new();
    };
    let root = Path::default().key("ops");
    let mut found = Vec::new();
    // With logistics, the node fetches the operations when it has the job.
    if ops.is_empty() && definition.get("logistics").is_none() {
        let valid = "use a list of at least one operation";
        found.push(violation(root.clone(), &Value::Array(Vec::new()), valid));
    }
    let mut ids = BTreeSet::new();
    for (position, op) in ops.iter().enumerate() {
        let path = root.index(position);
        if let Some(id) = op.get("id") {
            if id.as_str().is_some_and(|id| !ids.insert(id)) {
                let valid = "use an id that no other operation has";
                found.push(violation(path.key("id"), id, valid));
            }
        }
        found.extend(repeated_ports(op, &path.key("args").key("expose")));
        found.extend(broken_expressions(op, &path.key("results")));
    }
    found.extend(dependencies(ops, &root, &ids));
    found
}

fn violation(path: Path, value: &Value, valid: impl Into<String>) -> Violation {
    Violation {
        value: Some(shown(&path, value)),
        valid: valid.into(),
        path,
    }
}

/// Numeric ports that one operation names twice.
fn repeated_ports(op: &Value, path: &Path) -> Vec<Violation> {
    let exposed = op
        .get("args")
        .and_then(|args| args.get("expose")?.as_array());
    let mut ports = BTreeSet::new();
    let mut found = Vec::new();
    for (position, item) in exposed.into_iter().flatten().enumerate() {
        let port = item.get("port").unwrap_or(item);
        let number = port.as_f64().map(f64::to_bits);
        if number.is_some_and(|number| !ports.insert(number)) {
            let valid = "use a port that this operation does not expose already";
            found.push(violation(path.index(position), port, valid));
        }
    }
    found
}

/// Regular expressions that JavaScript, which nodes run, does not compile.
fn broken_expressions(op: &Value, path: &Path) -> Vec<Violation> {
    let results = op.get("results").and_then(Value::as_object);
    let rules = results.into_iter().flatten();
    rules
        .filter_map(|(name, rule)| {
            let regex = rule.get("regex")?;
            let error = regress::Regex::new(regex.as_str()?).err()?;
            let valid = format!("use a regular expression of JavaScript: {}", error.text);
            Some(violation(path.key(name).key("regex"), regex, valid))
        })
        .collect()
}

/// Dependencies on operations that do not exist, and cycles.
fn dependencies(ops: &[Value], root: &Path, ids: &BTreeSet<&str>) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut graph: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (position, op) in ops.iter().enumerate() {
        let needs = op
            .get("execution")
            .and_then(|e| e.get("depends_on")?.as_array());
        for (number, need) in needs.into_iter().flatten().enumerate() {
            let Some(name) = need.as_str() else { continue };
            if !ids.contains(name) {
                let path = root.index(position).key("execution").key("depends_on");
                let known: Vec<&str> = ids.iter().copied().collect();
                let valid = format!("use another operation's id: {}", known.join(", "));
                found.push(violation(path.index(number), need, valid));
            } else if let Some(id) = op.get("id").and_then(Value::as_str) {
                graph.entry(id).or_default().push(name);
            }
        }
    }
    for (position, op) in ops.iter().enumerate() {
        let Some(id) = op.get("id").and_then(Value::as_str) else {
            continue;
        };
        if reaches(&graph, id, id) {
            let path = root.index(position).key("execution").key("depends_on");
            let needs = op.pointer("/execution/depends_on").unwrap_or(&Value::Null);
            let valid = format!("use operations that do not wait for {id:?} themselves");
            found.push(violation(path, needs, valid));
        }
    }
    found
}

/// Whether an operation waits, directly or not, for `goal`.
fn reaches(graph: &BTreeMap<&str, Vec<&str>>, start: &str, goal: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut ahead: Vec<&str> = graph.get(start).cloned().unwrap_or_default();
    while let Some(next) = ahead.pop() {
        if next == goal {
            return true;
        }
        if seen.insert(next) {
            ahead.extend(graph.get(next).into_iter().flatten());
        }
    }
    false
}
