//! Errors for people, and exit statuses for scripts.

use nosana_deploy_client::{
    rpc::ClusterError,
    spec::SpecErrors,
    text::{printable, printable_line},
    transaction::AssemblyError,
};
use std::io::Write;
use std::process::ExitCode;

/// The exit statuses, for `--help` and the README.
pub(crate) const STATUSES: &str = "Exit statuses:
  0  done
  1  refused by a program, a node or you; nothing changed but perhaps a fee
  2  the command line, a file or an address is not valid; nothing was sent
  3  the cluster cannot be reached, limits requests, or lacks the program; nothing was sent
  4  sent, but not confirmed in time: look before you send it again
  5  done, but the result could not be printed";

/// Input that is not valid: nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Invalid(pub(crate) String);

/// The result could not be printed. A transaction that it is about took effect.
#[derive(Debug, thiserror::Error)]
#[error("the result cannot be printed: {0}")]
pub(crate) struct Unprinted(#[from] pub(crate) std::io::Error);

/// An [`Invalid`] as an error.
pub(crate) fn invalid(message: impl Into<String>) -> anyhow::Error {
    Invalid(message.into()).into()
}

/// The exit status of a failure.
pub(crate) fn status(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(number(error))
}

fn number(error: &anyhow::Error) -> u8 {
    const REFUSED: u8 = 1;
    const INVALID: u8 = 2;
    const CLUSTER: u8 = 3;
    const UNKNOWN: u8 = 4;
    const UNPRINTED: u8 = 5;
    if error.is::<Unprinted>() {
        return UNPRINTED;
    }
    if error.is::<Invalid>() || error.is::<SpecErrors>() || error.is::<AssemblyError>() {
        return INVALID;
    }
    match error.downcast_ref::<ClusterError>() {
        Some(ClusterError::Missing { .. } | ClusterError::Decode { .. }) => INVALID,
        Some(
            ClusterError::Unreachable { .. }
            | ClusterError::Stale { .. }
            | ClusterError::RateLimited(_)
            | ClusterError::NotDeployed(_),
        ) => CLUSTER,
        Some(ClusterError::Expired(_) | ClusterError::Unconfirmed { .. }) => UNKNOWN,
        // Refused, failed, or what the node said in its own words.
        _ => REFUSED,
    }
}

/// Which option helps, where one does: the library that says what is wrong knows of none.
fn hint(error: &anyhow::Error) -> &'static str {
    match error.downcast_ref::<ClusterError>() {
        Some(ClusterError::Unreachable { .. }) => "; check --url and your network, then try again",
        Some(ClusterError::RateLimited(_) | ClusterError::Stale { .. }) => " with --url",
        Some(ClusterError::NotDeployed(_)) => "; choose a different cluster with --url",
        Some(ClusterError::Missing { .. }) => "; check the address and --url",
        Some(ClusterError::Expired(_)) => " (--with-compute-unit-price)",
        _ => "",
    }
}

/// Prints a failure: a line, or a line for each mistake of a file.
pub(crate) fn report(error: &anyhow::Error) {
    let text = format!("{error:#}{}", hint(error));
    let text = match error.downcast_ref::<SpecErrors>() {
        Some(_) => text.lines().map(printable).collect::<Vec<_>>().join("\n"),
        None => printable_line(&text),
    };
    // Nobody is left to tell if stderr is closed.
    let _ = writeln!(std::io::stderr(), "error: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use solana_program::pubkey::Pubkey;

    #[test]
    fn every_failure_has_the_status_that_is_documented() {
        let url = || "http://localhost".to_owned();
        let unprinted = std::io::Error::other("full");
        let cases: [(anyhow::Error, u8); 10] = [
            (invalid("x"), 2),
            (AssemblyError::TooLarge { bytes: 1_233 }.into(), 2),
            (ClusterError::Refused(url()).into(), 1),
            (ClusterError::RateLimited(url()).into(), 3),
            (ClusterError::NotDeployed(url()).into(), 3),
            (ClusterError::Expired(url()).into(), 4),
            (
                ClusterError::Unconfirmed {
                    signature: url(),
                    until: url(),
                }
                .into(),
                4,
            ),
            (Unprinted(unprinted).into(), 5),
            (
                ClusterError::Missing {
                    what: "deployment",
                    key: Pubkey::default(),
                    url: url(),
                }
                .into(),
                2,
            ),
            (anyhow::anyhow!("x"), 1),
        ];
        for (error, expected) in cases {
            assert_eq!(number(&error), expected, "{error}");
            assert!(STATUSES.contains(&format!("\n  {expected}  ")));
            assert_eq!(number(&error.context("while testing")), expected);
        }
    }
}
