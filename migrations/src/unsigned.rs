//! Transactions for somebody else to sign: a multisig, or a key that is elsewhere.

use crate::{
    plan::{Plan, Transaction},
    steps::Step,
};
use solana_message::legacy::Message;
use solana_program::{hash::Hash, pubkey::Pubkey};
use solana_transaction::Transaction as Unsigned;

/// A transaction that somebody else must sign.
#[derive(Clone, Debug)]
pub struct ToSign {
    /// Its step.
    pub step: &'static Step,
    /// What it does.
    pub what: String,
    /// Who must sign it, and pays its fee.
    pub signer: Pubkey,
    /// The transaction in base58, as Squads and `solana-verify` have them: its signature is all zeros.
    pub base58: String,
}

/// Why there is nothing to print.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsignedError {
    /// All steps are done.
    #[error("there is nothing to sign: all steps are done")]
    AllDone,
    /// The keys at hand come first.
    #[error("step {number:04} {name} begins with what your own key signs: run `apply` without --unsigned before")]
    OwnFirst {
        /// The step's number.
        number: u16,
        /// Its name.
        name: &'static str,
    },
}

/// The transactions of the first step that is due, as long as somebody else must sign them.
///
/// # Errors
/// [`UnsignedError`] if there are none.
pub fn unsigned(plan: &Plan, blockhash: Hash) -> Result<Vec<ToSign>, UnsignedError> {
    let (step, rounds) = plan.next().ok_or(UnsignedError::AllDone)?;
    let all = rounds.iter().flatten();
    let absent = all.map_while(|transaction| Some((transaction, *transaction.absent.first()?)));
    let printed: Vec<ToSign> = absent
        .map(|(transaction, signer)| ToSign {
            step,
            what: transaction.what.clone(),
            signer,
            base58: base58(transaction, &signer, &blockhash),
        })
        .collect();
    match printed.is_empty() {
        true => Err(UnsignedError::OwnFirst {
            number: step.number,
            name: step.name,
        }),
        false => Ok(printed),
    }
}

fn base58(transaction: &Transaction, payer: &Pubkey, blockhash: &Hash) -> String {
    let instructions = &transaction.instructions;
    let message = Message::new_with_blockhash(instructions, Some(payer), blockhash);
    // A transaction is bytes and lengths: nothing in it could fail.
    let bytes = bincode::serialize(&Unsigned::new_unsigned(message)).unwrap_or_default();
    bs58::encode(bytes).into_string()
}
