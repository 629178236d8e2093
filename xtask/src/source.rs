//! What the program's source says, where nothing that is compiled tells it.

use crate::paths;
use anyhow::{Context, Result};
use std::fs;
use syn::{Attribute, Expr, File, Item, ItemStruct, Lit, Meta};

/// A file of the program's state.
pub(crate) fn state(file: &str) -> Result<File> {
    let path = format!("programs/deployments/src/state/{file}");
    let source =
        fs::read_to_string(paths::workspace().join(&path)).with_context(|| path.clone())?;
    syn::parse_file(&source).context(path)
}

/// A struct of the program's state.
pub(crate) fn state_struct(name: &str, file: &str) -> Result<ItemStruct> {
    let mut items = state(file)?.items.into_iter();
    let found = items.find_map(|item| match item {
        Item::Struct(item) if item.ident == name => Some(item),
        _ => None,
    });
    found.with_context(|| format!("{file} has no struct {name}"))
}

/// A comment, in one line.
pub(crate) fn comment(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        match &pair.value {
            Expr::Lit(literal) if pair.path.is_ident("doc") => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        }
    });
    lines.collect::<Vec<_>>().join(" ")
}
