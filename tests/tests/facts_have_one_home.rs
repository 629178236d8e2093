//! Facts of the markets' program are in `programs/nosana-jobs-interface` and nowhere else: no
//! discriminator, no account size, no error name. Offsets come from that crate's structs, so there are none.

#![allow(clippy::unwrap_used, missing_docs)]

use nosana_jobs_interface::{
    account::{Job, Market, Run, MARKET_SIZE},
    error, instruction as ix,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Every source file of the workspace but the interface's own, and this one.
fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut sources = Vec::new();
    for folder in ["programs", "client", "tests", "xtask/src"] {
        collect(&root.join(folder), &mut sources);
    }
    let is_home = |path: &Path| {
        path.components()
            .any(|part| part.as_os_str() == "nosana-jobs-interface")
            || path.ends_with(Path::new(file!()).file_name().unwrap())
    };
    sources.retain(|path| !is_home(path));
    assert!(sources.len() > 200, "{}", sources.len());
    sources
}

fn collect(folder: &Path, sources: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
}

/// Fails if a source file, without its spaces, holds one of these texts.
fn refuse(what: &str, texts: &[String]) {
    for path in sources() {
        let source: String = fs::read_to_string(&path)
            .unwrap()
            .split_whitespace()
            .collect::<String>()
            .to_lowercase();
        for text in texts {
            assert!(!source.contains(text), "{}: {what} {text}", path.display());
        }
    }
}

#[test]
fn no_discriminator_of_the_markets_program_stands_elsewhere() {
    let discriminators = [
        ix::List::DISCRIMINATOR,
        ix::Extend::DISCRIMINATOR,
        ix::Delist::DISCRIMINATOR,
        ix::End::DISCRIMINATOR,
        ix::Recover::DISCRIMINATOR,
        ix::Work::DISCRIMINATOR,
        ix::Claim::DISCRIMINATOR,
        ix::Finish::DISCRIMINATOR,
        ix::Quit::DISCRIMINATOR,
        ix::Complete::DISCRIMINATOR,
        ix::Stop::DISCRIMINATOR,
        ix::Clean::DISCRIMINATOR,
        ix::Open::DISCRIMINATOR,
        ix::Update::DISCRIMINATOR,
        ix::Close::DISCRIMINATOR,
        Market::DISCRIMINATOR,
        Job::DISCRIMINATOR,
        Run::DISCRIMINATOR,
    ];
    let written = discriminators.iter().flat_map(|bytes| {
        let hex = bytes.map(|byte| format!("{byte:02x}")).concat();
        let list = |base: fn(u8) -> String| bytes.map(base).join(",");
        [
            hex,
            list(|byte| format!("0x{byte:02x}")),
            list(|byte| byte.to_string()),
        ]
    });
    refuse("the discriminator", &written.collect::<Vec<_>>());
}

#[test]
fn no_field_of_the_markets_accounts_is_read_by_a_number() {
    // The offsets that used to be spelled out, as they would be used again.
    let offsets = [
        Job::MARKET_OFFSET,
        Job::PAYER_OFFSET,
        Job::PROJECT_OFFSET,
        Job::STATE_OFFSET,
    ];
    let written = offsets.iter().flat_map(|offset| {
        let end = offset + 32;
        [
            format!("data[{offset}"),
            format!("data,{offset}"),
            format!("data.get({offset}"),
            format!("offset:usize={offset};"),
            format!("[{offset}..{end}]"),
        ]
    });
    let mut written: Vec<String> = written.collect();
    written.extend([MARKET_SIZE.to_string(), "10_232".into()]);
    refuse("the number", &written);
}

#[test]
fn no_error_name_of_the_markets_program_stands_in_a_list_elsewhere() {
    // A single name is how the stand-in refuses; two in a row are a list.
    let lists = [error::JOBS, error::COMMON].into_iter().flat_map(|names| {
        names
            .windows(2)
            .map(|pair| format!("{},{},", pair[0], pair[1]).to_lowercase())
    });
    refuse("the names", &lists.collect::<Vec<_>>());
}
