//! JSON as people write it: comments and trailing commas are allowed, nothing else that is not JSON.

use super::{no_json, SpecErrors, NO_OBJECT};
use jsonc_parser::{
    ast::{ObjectProp, Value as Node},
    common::Ranged,
    parse_to_ast, CollectOptions, ParseOptions,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Largest JSON that is read: 16 MiB.
pub const MAX_JSON_BYTES: usize = 16 << 20;
/// Deepest nesting that is read.
const MAX_DEPTH: usize = 128;

const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Reads JSON in which comments, trailing commas and a byte order mark are allowed.
///
/// # Errors
/// [`SpecErrors`] with the place of what is not JSON, of a key that is there twice, and of what is
/// nested deeper than 128 levels; text of more than [`MAX_JSON_BYTES`].
pub fn parse_json(text: &str) -> Result<Value, SpecErrors> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_JSON_BYTES {
        let size = format!("{} bytes", text.len());
        return Err(no_json(
            Some(size),
            format!("use at most {MAX_JSON_BYTES} bytes"),
        ));
    }
    let parsed = parse_to_ast(text, &CollectOptions::default(), &OPTIONS);
    let parsed = parsed.map_err(|error| {
        let (line, column) = (error.line_display(), error.column_display());
        no_json(Some(format!("line {line}, column {column}")), error.kind())
    })?;
    let root = parsed.value.ok_or_else(|| no_json(None, NO_OBJECT))?;
    check(text, &root, 1)?;
    Ok(root.into())
}

/// Refuses nesting that is too deep, and keys that are there twice: which of the two counts differs
/// from one reader to the next.
fn check(text: &str, node: &Node, depth: usize) -> Result<(), SpecErrors> {
    if depth > MAX_DEPTH {
        let at = place(text, node.start());
        return Err(no_json(
            Some(at),
            format!("nest at most {MAX_DEPTH} levels deep"),
        ));
    }
    let deeper = depth.saturating_add(1);
    match node {
        Node::Array(array) => array
            .elements
            .iter()
            .try_for_each(|element| check(text, element, deeper)),
        Node::Object(object) => {
            require_different(text, &object.properties)?;
            object
                .properties
                .iter()
                .try_for_each(|property| check(text, &property.value, deeper))
        }
        _ => Ok(()),
    }
}

fn require_different(text: &str, properties: &[ObjectProp]) -> Result<(), SpecErrors> {
    let mut seen = BTreeMap::new();
    for property in properties {
        let (key, at) = (property.name.as_str(), property.range.start);
        if let Some(first) = seen.insert(key, at) {
            let key = crate::text::printable(key);
            let (first, second) = (place(text, first), place(text, at));
            let twice = format!("key \"{key}\" at {first} and at {second}");
            return Err(no_json(Some(twice), "give each key once"));
        }
    }
    Ok(())
}

/// Line and column, from 1.
fn place(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count();
    format!("line {line}, column {}", column.saturating_add(1))
}
