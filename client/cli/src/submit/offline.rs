//! What `--sign-only` prints.

use crate::output::{with_fields, Facts};
use base64::{prelude::BASE64_STANDARD, Engine};
use serde::Serialize;
use serde_json::json;
use solana_program::pubkey::Pubkey;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use std::fmt;

/// A transaction that is signed as far as may be, in the words and fields of `solana`.
pub(super) struct SignedOffline<'a> {
    pub(super) transaction: &'a VersionedTransaction,
    pub(super) facts: &'a Facts,
    pub(super) with_message: bool,
}

impl SignedOffline<'_> {
    fn signers(&self) -> impl Iterator<Item = (&Pubkey, &Signature)> {
        let keys = self.transaction.message.static_account_keys().iter();
        keys.zip(&self.transaction.signatures)
    }

    fn absent(&self) -> Vec<String> {
        let absent = self
            .signers()
            .filter(|(_, signature)| **signature == Signature::default());
        absent.map(|(key, _)| key.to_string()).collect()
    }

    fn present(&self) -> Vec<String> {
        let present = self
            .signers()
            .filter(|(_, signature)| **signature != Signature::default());
        present
            .map(|(key, signature)| format!("{key}={signature}"))
            .collect()
    }

    fn message(&self) -> Option<String> {
        let encoded = || BASE64_STANDARD.encode(self.transaction.message.serialize());
        self.with_message.then(encoded)
    }
}

impl fmt::Display for SignedOffline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.facts)?;
        writeln!(
            f,
            "Blockhash: {}",
            self.transaction.message.recent_blockhash()
        )?;
        if let Some(message) = self.message() {
            writeln!(f, "Transaction Message: {message}")?;
        }
        for (title, lines) in [
            ("Signers (Pubkey=Signature):", self.present()),
            ("Absent Signers (Pubkey):", self.absent()),
        ] {
            if !lines.is_empty() {
                writeln!(f, "{title}\n  {}", lines.join("\n  "))?;
            }
        }
        Ok(())
    }
}

impl Serialize for SignedOffline<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = [
            (
                "blockhash",
                json!(self.transaction.message.recent_blockhash().to_string()),
            ),
            ("signers", json!(self.present())),
            ("absent", json!(self.absent())),
            ("message", json!(self.message())),
        ];
        with_fields(self.facts, fields).serialize(serializer)
    }
}
