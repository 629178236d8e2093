//! Edits a copy of the Rust 1.96 standard library so that `target_os = "solana"` builds and links.
//!
//! An on-chain program may hold no writable static, start no thread and do no I/O. Upstream `std`
//! has no `solana` platform, so it borrows `zkvm`'s, whose unreachable parts link-time optimisation
//! drops, and the places that reach a writable static are replaced. A linker error "relocation
//! target is not rodata or text" means that another writable static is reachable. Every edit checks
//! that it applied, so that another version of `std` fails here and not on chain.

use anyhow::{ensure, Context, Result};
use std::{fs, path::Path};

/// Changes when an edit changes; whoever keeps a patched copy compares it.
pub(crate) const VERSION: &str = include_str!("std_patch.rs");

/// A function of `std` whose body is replaced: file, signature up to its `{`, new body.
struct Body(&'static str, &'static str, &'static str);

const BODIES: [Body; 4] = [
    // No entropy and no thread-local cell on chain: fixed hash-map keys, as in Solana's own std.
    Body(
        "hash/random.rs",
        "pub fn new() -> RandomState ",
        "        RandomState { k0: 0, k1: 0 }",
    ),
    // The entrypoint macro's `custom_panic` logs the message, then the `abort` syscall ends it.
    Body(
        "panicking.rs",
        "pub fn panic_handler(info: &core::panic::PanicInfo<'_>) -> ! ",
        r#"    unsafe extern "Rust" { fn custom_panic(info: &core::panic::PanicInfo<'_>); }
    unsafe extern "C" { fn abort() -> !; }
    unsafe { custom_panic(info); abort() }"#,
    ),
    Body(
        "panicking.rs",
        "fn panic_with_hook(
    payload: &mut dyn PanicPayload,
    location: &Location<'_>,
    can_unwind: bool,
    force_no_backtrace: bool,
) -> ! ",
        r#"    let _ = (can_unwind, force_no_backtrace);
    unsafe extern "C" { fn abort() -> !; fn sol_log_(message: *const u8, len: u64); }
    if let Some(message) = payload.as_str() {
        unsafe { sol_log_(message.as_ptr(), message.len() as u64) }
    }
    let file = location.file();
    unsafe { sol_log_(file.as_ptr(), file.len() as u64); abort() }"#,
    ),
    Body(
        "alloc.rs",
        "pub fn rust_oom(layout: Layout) -> ! ",
        r#"    let _ = layout;
    unsafe extern "C" { fn abort() -> !; }
    unsafe { abort() }"#,
    ),
];

/// Patches `library`, a writable copy of the source's `library` folder.
pub(crate) fn apply(library: &Path) -> Result<()> {
    let std = library.join("std/src");
    let borrowed = borrow_platform(&std.join("sys"))?;
    ensure!(
        borrowed >= 5,
        "only {borrowed} files of std mention zkvm; is this std 1.96?"
    );
    edit(&std.join("sys/alloc/mod.rs"), |text| {
        let x86 = "    target_arch = \"x86_64\",\n";
        replace(text, x86, &format!("{x86}    target_arch = \"bpf\",\n"))
    })?;
    for Body(file, signature, body) in BODIES {
        edit(&std.join(file), |text| replace_body(text, signature, body))?;
    }
    Ok(())
}

/// Lets `solana` share every file that is conditional on `zkvm`; returns how many there are.
fn borrow_platform(folder: &Path) -> Result<usize> {
    let zkvm = r#"target_os = "zkvm""#;
    let either = r#"any(target_os = "zkvm", target_os = "solana")"#;
    let mut count: usize = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            count = count.saturating_add(borrow_platform(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "rs")
            && fs::read_to_string(&path)?.contains(zkvm)
        {
            edit(&path, |text| replace(text, zkvm, either))?;
            count = count.saturating_add(1);
        }
    }
    Ok(count)
}

fn edit(path: &Path, change: impl FnOnce(&str) -> Result<String>) -> Result<()> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("reading {shown}"))?;
    let changed = change(&text).with_context(|| {
        format!("patching {shown}: this std is not the 1.96 that the patch was written for")
    })?;
    fs::write(path, changed).with_context(|| format!("writing {shown}"))
}

fn replace(text: &str, old: &str, new: &str) -> Result<String> {
    ensure!(text.contains(old), "it no longer contains {old:?}");
    Ok(text.replace(old, new))
}

/// Replaces the `{...}` that follows `signature`. Braces in strings and comments count too, which
/// holds while they are balanced, as in the functions above.
fn replace_body(text: &str, signature: &str, body: &str) -> Result<String> {
    let (before, after) = text
        .split_once(signature)
        .with_context(|| format!("it no longer contains {signature:?}"))?;
    ensure!(after.starts_with('{'), "no body follows {signature:?}");
    let mut depth: usize = 0;
    for (at, character) in after.char_indices() {
        match character {
            '{' => depth = depth.saturating_add(1),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            let rest = after
                .get(at..)
                .and_then(|rest| rest.strip_prefix('}'))
                .unwrap_or_default();
            return Ok(format!("{before}{signature}{{\n{body}\n}}{rest}"));
        }
    }
    anyhow::bail!("the body of {signature:?} does not end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_with_inner_braces_is_replaced_and_nothing_else() {
        let text = "fn a() { 1 }\nfn b() -> u8 { if x { 2 } else { 3 } }\nfn c() { 4 }\n";
        let changed = replace_body(text, "fn b() -> u8 ", "    5").unwrap();
        assert_eq!(
            changed,
            "fn a() { 1 }\nfn b() -> u8 {\n    5\n}\nfn c() { 4 }\n"
        );
    }

    #[test]
    fn a_missing_signature_a_missing_body_and_an_open_body_are_refused() {
        assert!(replace_body("fn a() { 1 }", "fn b() ", "").is_err());
        assert!(replace_body("fn a() -> u8 { 1 }", "fn a() ", "").is_err());
        assert!(replace_body("fn a() { { 1 }", "fn a() ", "").is_err());
    }

    #[test]
    fn a_replacement_that_does_not_apply_is_refused() {
        assert_eq!(replace("a b a", "a", "c").unwrap(), "c b c");
        assert!(replace("a b a", "d", "c").is_err());
    }
}
