//! The IDL's words: whoever reads it sees none of the program's Rust.

use anchor_lang_idl::types::{Idl, IdlDefinedFields, IdlInstructionAccountItem, IdlTypeDefTy};

/// Rewrites every comment of the IDL.
pub(super) fn rewrite(idl: &mut Idl) {
    idl.docs = said(&idl.docs);
    for instruction in &mut idl.instructions {
        instruction.docs = said(&instruction.docs);
        instruction.accounts.iter_mut().for_each(of_account);
        for arg in &mut instruction.args {
            arg.docs = said(&arg.docs);
        }
    }
    for definition in &mut idl.types {
        definition.docs = said(&definition.docs);
        match &mut definition.ty {
            IdlTypeDefTy::Struct {
                fields: Some(fields),
            } => of_fields(fields),
            IdlTypeDefTy::Enum { variants } => {
                let fields = variants
                    .iter_mut()
                    .filter_map(|variant| variant.fields.as_mut());
                fields.for_each(of_fields);
            }
            _ => {}
        }
    }
}

fn of_account(item: &mut IdlInstructionAccountItem) {
    match item {
        IdlInstructionAccountItem::Composite(group) => {
            group.accounts.iter_mut().for_each(of_account);
        }
        IdlInstructionAccountItem::Single(account) => account.docs = said(&account.docs),
    }
}

fn of_fields(fields: &mut IdlDefinedFields) {
    if let IdlDefinedFields::Named(fields) = fields {
        for field in fields {
            field.docs = said(&field.docs);
        }
    }
}

/// A comment without sentences about the code, and without its paths.
fn said(lines: &[String]) -> Vec<String> {
    let text = lines.join(" ");
    let sentences = text.split_inclusive(". ").map(str::trim);
    let kept = sentences.filter(|sentence| !is_about_code(sentence) && !sentence.is_empty());
    let text = kept.map(without_paths).collect::<Vec<_>>().join(" ");
    match text.is_empty() {
        true => Vec::new(),
        false => vec![text],
    }
}

fn is_about_code(sentence: &str) -> bool {
    const MARKS: [&str; 4] = ["Self::", "`validate`", "_domain::", "because Anchor"];
    MARKS.iter().any(|mark| sentence.contains(mark))
}

/// `[`Status`]` is Status, and `u64::MAX` the number that it is.
fn without_paths(sentence: &str) -> String {
    let mut text = sentence
        .replace("`u64::MAX`", "18446744073709551615")
        .replace("`i64::MAX`", "9223372036854775807");
    while let Some((before, rest)) = text.split_once("[`") {
        let Some((path, after)) = rest.split_once("`]") else {
            break;
        };
        let last = path.rsplit("::").next().unwrap_or(path);
        text = format!("{before}{last}{after}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_say_what_readers_need_and_nothing_of_the_code() {
        let said = |text: &str| said(&[text.to_owned()]);
        assert_eq!(said("`validate`."), Vec::<String>::new());
        assert_eq!(
            said("Pays. Its address is checked by [`Self::bump_of`]."),
            ["Pays."]
        );
        assert_eq!(said("A [`Status`]."), ["A Status."]);
        assert_eq!(said("See [`Deployment::VERSION`]."), ["See VERSION."]);
        assert_eq!(
            said("A cap; `u64::MAX` for none."),
            ["A cap; 18446744073709551615 for none."]
        );
    }
}
