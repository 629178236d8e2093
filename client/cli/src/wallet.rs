//! Signers, as `solana` finds them: keypair files, `prompt://`, `usb://`, `-` for stdin, and public
//! keys whose signature comes from elsewhere.

use crate::{exit::invalid, secrets::refuse_secret};
use anyhow::Result;
use clap_v3::{Arg, ArgAction, ArgMatches, Command};
use solana_clap_v3_utils::keypair::signer_from_path;
use solana_program::pubkey::Pubkey;
use solana_remote_wallet::remote_wallet::RemoteWalletManager;
use solana_signature::Signature;
use solana_signer::Signer;
use std::{cell::RefCell, rc::Rc, str::FromStr};

/// A signature made elsewhere: `PUBKEY=SIGNATURE`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Presigned {
    pub(crate) pubkey: Pubkey,
    pub(crate) signature: Signature,
}

impl FromStr for Presigned {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('=').and_then(|(pubkey, signature)| {
            let pubkey = pubkey.parse().ok()?;
            let signature = signature.parse().ok()?;
            Some(Self { pubkey, signature })
        });
        parsed.ok_or_else(|| "use PUBKEY=SIGNATURE, both in base58".into())
    }
}

/// Finds signers by their URI.
pub(crate) struct Signers {
    /// What Solana's own parser needs to know of the command line.
    matches: ArgMatches,
    devices: RefCell<Option<Rc<RemoteWalletManager>>>,
}

impl Signers {
    /// `absent_allowed`: a public key without signature stands for a signer who signs elsewhere.
    pub(crate) fn new(absent_allowed: bool, presigned: &[Presigned]) -> Result<Self> {
        let command = Command::new("signers").arg(
            Arg::new("signer")
                .long("signer")
                .takes_value(true)
                .action(ArgAction::Append),
        );
        let command = command.arg(Arg::new("sign_only").long("sign-only").takes_value(false));
        let mut line = vec!["signers".to_owned()];
        line.extend(absent_allowed.then(|| "--sign-only".to_owned()));
        for Presigned { pubkey, signature } in presigned {
            line.extend(["--signer".to_owned(), format!("{pubkey}={signature}")]);
        }
        let matches = command.try_get_matches_from(line)?;
        let devices = RefCell::new(None);
        Ok(Self { matches, devices })
    }

    /// The signer that a URI names.
    pub(crate) fn find(&self, uri: &str, role: &str) -> Result<Box<dyn Signer>> {
        refuse_secret(&format!("--{role}"), uri)?;
        signer_from_path(&self.matches, uri, role, &mut self.devices.borrow_mut())
            .map_err(|error| invalid(format!("--{role} {uri}: {error}{}", hint(uri))))
    }
}

/// What to do about a file that is not there.
fn hint(uri: &str) -> &'static str {
    let is_a_path = !uri.contains("://") && uri != "-" && uri.parse::<Pubkey>().is_err();
    match is_a_path && !std::path::Path::new(uri).exists() {
        true => "; make a wallet with `nosana-deploy keygen`, or use --keypair with one's file",
        false => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use solana_keypair::Keypair;

    #[test]
    fn a_public_key_signs_only_if_its_signature_is_given_or_may_be_absent() {
        let (keypair, message) = (Keypair::new(), b"message");
        let pubkey = keypair.pubkey();
        let signature = keypair.sign_message(message);
        let uri = pubkey.to_string();

        let error = Signers::new(false, &[])
            .unwrap()
            .find(&uri, "keypair")
            .err()
            .unwrap();
        assert_eq!(
            error.to_string(),
            format!("--keypair {uri}: missing signature for supplied pubkey: {uri}")
        );

        let absent = Signers::new(true, &[])
            .unwrap()
            .find(&uri, "keypair")
            .unwrap();
        assert_eq!(absent.pubkey(), pubkey);

        let presigned: Presigned = format!("{pubkey}={signature}").parse().unwrap();
        let signers = Signers::new(false, &[presigned]).unwrap();
        let signer = signers.find(&uri, "keypair").unwrap();
        assert_eq!(signer.try_sign_message(message).unwrap(), signature);
        assert!(signer.try_sign_message(b"another message").is_err());
    }

    #[test]
    fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
        let secret = Keypair::new().to_base58_string();
        for uri in [secret.as_str(), "[1,2,3]"] {
            let error = Signers::new(false, &[])
                .unwrap()
                .find(uri, "keypair")
                .err()
                .unwrap();
            assert!(!error.to_string().contains(uri), "{error}");
        }
    }

    #[test]
    fn what_is_no_presigned_pair_is_refused() {
        for text in [
            "",
            "=",
            "11111111111111111111111111111111",
            "11111111111111111111111111111111=x",
        ] {
            assert!(text.parse::<Presigned>().is_err(), "{text}");
        }
    }
}
