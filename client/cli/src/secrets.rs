//! Secrets on a command line: whoever pasted a key where its file belongs must not see it repeated.

use crate::exit::invalid;
use anyhow::Result;
use std::ffi::{OsStr, OsString};

/// A keypair's 64 bytes in base58 are 86 to 88 letters, in hexadecimal 128.
const SHORTEST_SECRET: usize = 80;
/// A seed phrase has at least this many words.
const FEWEST_WORDS: usize = 12;
/// The words of seed phrases have 3 to 8 letters.
const WORD_LETTERS: core::ops::RangeInclusive<usize> = 3..=8;

/// Whether a text is a secret key itself: an array of bytes, base58, hexadecimal, or a seed phrase.
pub(crate) fn is_secret(text: &str) -> bool {
    let text = text.trim();
    let words: Vec<&str> = text.split_whitespace().collect();
    is_array(text)
        || text.len() >= SHORTEST_SECRET && text.chars().all(|c| c.is_ascii_alphanumeric())
        || words.len() >= FEWEST_WORDS && words.iter().all(|word| is_word(word))
}

/// `[12,34,…`, as keypair files have it, also cut off.
fn is_array(text: &str) -> bool {
    text.strip_prefix('[').is_some_and(|rest| {
        let bytes = |c: char| c.is_ascii_digit() || c.is_whitespace() || c == ',' || c == ']';
        rest.chars().all(bytes)
    })
}

fn is_word(text: &str) -> bool {
    WORD_LETTERS.contains(&text.len()) && text.chars().all(|c| c.is_ascii_lowercase())
}

/// Looks at a command line before anything reads it, or repeats it in an error.
///
/// # Errors
/// Says which argument looks like a secret, without the argument.
pub(crate) fn refuse_secrets(arguments: impl Iterator<Item = OsString>) -> Result<()> {
    let mut words_in_a_row = 0_usize;
    for (number, argument) in arguments.enumerate().skip(1) {
        let text = argument.to_string_lossy();
        // `--keypair=KEY` and `-kKEY` as well.
        let long = text
            .strip_prefix("--")
            .and_then(|long| long.split_once('='));
        let value = long.map_or(&*text, |(_, value)| value);
        let short = value.strip_prefix('-').and_then(|rest| rest.get(1..));
        words_in_a_row = match is_word(&text) {
            true => words_in_a_row.saturating_add(1),
            false => 0,
        };
        let is_phrase = words_in_a_row >= FEWEST_WORDS;
        if is_phrase || is_secret(value) || short.is_some_and(is_secret) {
            return Err(invalid(format!(
                "argument {number} looks like a secret key itself; use the path of a file that holds it. \
                 Whoever can read this machine's list of processes may have seen the key: move what it holds"
            )));
        }
    }
    Ok(())
}

/// Refuses a secret where a path is expected, from a settings file or the environment.
///
/// # Errors
/// Names the setting, without its value.
pub(crate) fn refuse_secret(setting: &str, value: impl AsRef<OsStr>) -> Result<()> {
    match is_secret(&value.as_ref().to_string_lossy()) {
        true => Err(invalid(format!(
            "{setting} looks like a secret key itself; use the path of a file that holds it"
        ))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use solana_keypair::Keypair;
    use solana_signer::Signer;

    const PHRASE: &str =
        "pill tomorrow foster begin walnut borrow virtual kick shift mutual shoe scatter";

    fn refused(line: &[&str]) -> Option<String> {
        let line = std::iter::once(&"nosana-deploy").chain(line);
        let outcome = refuse_secrets(line.map(OsString::from));
        outcome.err().map(|error| error.to_string())
    }

    #[test]
    fn a_secret_is_refused_wherever_it_is_and_never_repeated() {
        let keypair = Keypair::new();
        let base58 = keypair.to_base58_string();
        let array = format!("{:?}", keypair.to_bytes());
        let hex: String = keypair
            .to_bytes()
            .map(|byte| format!("{byte:02x}"))
            .concat();
        for secret in [&base58, &array, &hex, &PHRASE.to_owned()] {
            for line in [
                vec!["--keypair", secret, "list"],
                vec!["create", secret],
                vec![&format!("--keypair={secret}"), "list"],
                vec![&format!("-k{secret}"), "list"],
            ] {
                let said = refused(&line).unwrap();
                assert!(said.contains("looks like a secret key itself"), "{said}");
                assert!(!said.contains(secret.as_str()), "{said}");
            }
            assert!(refuse_secret("keypair_path", secret).is_err());
        }
        let unquoted: Vec<&str> = ["--keypair"].into_iter().chain(PHRASE.split(' ')).collect();
        assert!(refused(&unquoted).is_some());
    }

    #[test]
    fn what_commands_take_is_no_secret() {
        let signature = Keypair::new().sign_message(b"message").to_string();
        let presigned = format!("{}={signature}", Keypair::new().pubkey());
        let url = "https://rpc.example/0123456789012345678901234567890123456789012345678901234567890123456789";
        for line in [
            vec!["--signer", &presigned],
            vec!["--url", url],
            vec![
                "create",
                "a long file name of several words that is a name all the same, perhaps.json",
            ],
            vec!["revisions", "0", "add", "[draft] job.json"],
            vec!["update", "0", "--schedule", "0 0 1 1 *"],
        ] {
            assert_eq!(refused(&line), None);
        }
    }
}
