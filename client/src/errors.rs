//! Turns what went wrong with a transaction into a sentence with a next step. Programs share
//! numbers, so a code means nothing without the program that returned it.

use crate::PROGRAM_ID;
use anchor_spl::token::{self, spl_token::error::TokenError};
use deployments::errors::DeployError;
use nosana_jobs_interface::{error::names, JOBS_PROGRAM};
use solana_program::instruction::InstructionError;
use solana_program::pubkey::Pubkey;
use solana_system_interface::error::SystemError;
use solana_transaction_error::TransactionError;
use std::{fmt, str::FromStr};
use strum::IntoEnumIterator;

/// A custom error code and the program that returned it.
///
/// ```
/// use nosana_deploy_client::{errors::ProgramFailure, PROGRAM_ID};
///
/// let failure = ProgramFailure { program: PROGRAM_ID, code: 6024 };
/// assert!(failure.to_string().contains("Nothing is due"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramFailure {
    /// The program, as far as it is known.
    pub program: Pubkey,
    /// Its code.
    pub code: u32,
}

impl ProgramFailure {
    /// The program's own name for the code, and what it means; `None` if this client does not know
    /// the program or the code.
    pub fn sentence(&self) -> Option<String> {
        match Known::of(&self.program)? {
            Known::Deployments => sentence(self.code).or_else(|| anchor(self.code)),
            Known::Markets => names(self.code)
                .map(|names| names.to_string())
                .or_else(|| anchor(self.code)),
            Known::Token => TokenError::try_from(self.code)
                .ok()
                .map(|error| error.to_string()),
            Known::System => SystemError::try_from(self.code)
                .ok()
                .map(|error| system(&error).to_owned()),
        }
    }
}

/// The programs whose codes this client can name.
#[derive(Clone, Copy)]
enum Known {
    Deployments,
    Markets,
    Token,
    System,
}

impl Known {
    fn of(program: &Pubkey) -> Option<Self> {
        let known = [
            (PROGRAM_ID, Self::Deployments),
            (JOBS_PROGRAM, Self::Markets),
            (token::ID, Self::Token),
            (anchor_lang::system_program::ID, Self::System),
        ];
        let found = known.into_iter().find(|(id, _)| id == program);
        found.map(|(_, known)| known)
    }
}

/// As `solana` shows them: whose error, its sentence and its code.
impl fmt::Display for ProgramFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = match Known::of(&self.program) {
            Some(Known::Deployments) => "the deployments program".to_owned(),
            Some(Known::Markets) => "the markets' program".to_owned(),
            Some(Known::Token) => "SPL Token".to_owned(),
            Some(Known::System) => "the system program".to_owned(),
            None => format!("program {}", self.program),
        };
        match self.sentence() {
            Some(sentence) => write!(f, "{program} refused: {sentence} (code {})", self.code),
            None => write!(f, "{program} refused with code {}", self.code),
        }
    }
}

/// Which program's code a failed transaction carries, or `None` if it carries none.
///
/// `programs` holds each instruction's program, in order. A program that ours called
/// passes its code through, so the innermost failure in the runtime's own log lines names it; without
/// logs the code is taken for the outer program's.
pub fn failure(
    error: &TransactionError,
    programs: &[Pubkey],
    logs: &[String],
) -> Option<ProgramFailure> {
    let TransactionError::InstructionError(index, InstructionError::Custom(code)) = error else {
        return None;
    };
    let innermost = logs.iter().find_map(|line| {
        let (program, reason) = line.strip_prefix("Program ")?.split_once(" failed: ")?;
        let hex = reason.strip_prefix("custom program error: 0x")?;
        (u32::from_str_radix(hex, 16) == Ok(*code)).then_some(Pubkey::from_str(program).ok()?)
    });
    let outer = programs.get(usize::from(*index)).copied();
    Some(ProgramFailure {
        program: innermost.or(outer)?,
        code: *code,
    })
}

/// What a transaction error means, and what to do.
pub fn explain(error: &TransactionError, programs: &[Pubkey], logs: &[String]) -> String {
    use InstructionError as I;
    use TransactionError as T;
    if let Some(failure) = failure(error, programs, logs) {
        return failure.to_string();
    }
    match error {
        T::AccountNotFound | T::InsufficientFundsForFee => {
            "the fee payer has not enough SOL for the fee; send it some, or let a different wallet pay"
                .into()
        }
        T::InsufficientFundsForRent { account_index } => format!(
            "account {account_index} of the transaction would be left with too little SOL for its rent; add SOL"
        ),
        T::InstructionError(_, I::InsufficientFunds) => {
            "an account has not enough SOL; add SOL".into()
        }
        T::BlockhashNotFound => {
            "the blockhash has expired or belongs to a different cluster; sign again with a recent one, or with a durable nonce"
                .into()
        }
        T::AlreadyProcessed => "this very transaction was processed before; look its signature up".into(),
        T::SignatureFailure => "a signature does not fit the message; sign it again".into(),
        T::InstructionError(index, reason) => {
            let program = programs.get(usize::from(*index));
            let program = program.map_or_else(String::new, |program| format!(" of {program}"));
            format!("instruction {index}{program} failed: {reason}")
        }
        other => other.to_string(),
    }
}

/// The sentence for a custom error code of the deployments program, or `None` if the code is not
/// one of its own (Anchor's checks of accounts are below 6000).
pub fn sentence(code: u32) -> Option<String> {
    DeployError::iter()
        .find(|error| u32::from(*error) == code)
        .map(|error| error.to_string())
}

/// Anchor's own checks, those that an account can fail which is not what was asked for.
fn anchor(code: u32) -> Option<String> {
    use anchor_lang::error::ErrorCode::*;
    let known = [
        InstructionFallbackNotFound,
        InstructionDidNotDeserialize,
        ConstraintMut,
        ConstraintHasOne,
        ConstraintSigner,
        ConstraintOwner,
        ConstraintSeeds,
        ConstraintAddress,
        AccountDiscriminatorNotFound,
        AccountDiscriminatorMismatch,
        AccountDidNotDeserialize,
        AccountNotEnoughKeys,
        AccountNotMutable,
        AccountOwnedByWrongProgram,
        InvalidProgramId,
        InvalidProgramExecutable,
        AccountNotSigner,
        AccountNotSystemOwned,
        AccountNotInitialized,
        AccountNotAssociatedTokenAccount,
    ];
    let error = known.into_iter().find(|error| u32::from(*error) == code)?;
    Some(error.to_string())
}

fn system(error: &SystemError) -> &'static str {
    match error {
        SystemError::AccountAlreadyInUse => "an account with this address exists already",
        SystemError::ResultWithNegativeLamports => {
            "an account has not enough SOL, rent included; add SOL"
        }
        SystemError::InvalidProgramId => "the account cannot be assigned to this program",
        SystemError::InvalidAccountDataLength => "the account cannot have that many bytes",
        SystemError::MaxSeedLengthExceeded => "a seed is too long",
        SystemError::AddressWithSeedMismatch => "the address does not come from this seed",
        SystemError::NonceNoRecentBlockhashes => "the cluster has no recent blockhashes yet",
        SystemError::NonceBlockhashNotExpired => {
            "the nonce was advanced a moment ago; try again in a second"
        }
        SystemError::NonceUnexpectedBlockhashValue => {
            "the nonce was used meanwhile; read it again and sign again"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No error of the program, whatever is added.
    const UNKNOWN: u32 = 6_999;

    #[test]
    fn every_error_of_the_program_s_idl_is_known_by_its_code_and_sentence() {
        let idl = include_str!("../../idl/deployments.json");
        let idl: serde_json::Value = serde_json::from_str(idl).unwrap();
        let theirs = idl["errors"].as_array().unwrap();
        assert_eq!(theirs.len(), DeployError::iter().len());
        for ((code, error), theirs) in (6000u32..).zip(DeployError::iter()).zip(theirs) {
            assert_eq!((u32::from(error), &theirs["code"]), (code, &code.into()));
            assert_eq!(sentence(code).as_deref(), theirs["msg"].as_str());
        }
        assert_eq!(
            sentence(6033),
            Some("A transition would break an invariant".into())
        );
        assert_eq!(sentence(UNKNOWN), None);
        assert_eq!(sentence(3012), None);
    }

    fn custom(code: u32) -> TransactionError {
        TransactionError::InstructionError(1, InstructionError::Custom(code))
    }

    #[test]
    fn one_code_means_what_the_program_that_returned_it_means() {
        let said = |program, code| ProgramFailure { program, code }.to_string();
        assert_eq!(
            said(PROGRAM_ID, 6024),
            "the deployments program refused: Nothing is due; a different keeper may have been faster (code 6024)"
        );
        assert_eq!(
            said(JOBS_PROGRAM, 6001),
            "the markets' program refused: MarketInWrongState or InvalidOwner (code 6001)"
        );
        assert_eq!(
            said(JOBS_PROGRAM, 6018),
            "the markets' program refused: NodeKeyInvalidCollection (code 6018)"
        );
        assert_eq!(
            said(token::ID, 1),
            "SPL Token refused: Insufficient funds (code 1)"
        );
        assert_eq!(
            said(anchor_lang::system_program::ID, 1),
            "the system program refused: an account has not enough SOL, rent included; add SOL (code 1)"
        );
        assert_eq!(
            said(PROGRAM_ID, 3012),
            "the deployments program refused: The program expected this account to be already initialized (code 3012)"
        );
        let stranger = Pubkey::new_from_array([7; 32]);
        assert_eq!(
            said(stranger, 1),
            format!("program {stranger} refused with code 1")
        );
        for (program, code) in [(PROGRAM_ID, UNKNOWN), (JOBS_PROGRAM, 6019), (token::ID, 99)] {
            assert_eq!(
                ProgramFailure { program, code }.sentence(),
                None,
                "{program} {code}"
            );
        }
    }

    #[test]
    fn the_innermost_program_that_failed_is_named() {
        let programs = [anchor_lang::system_program::ID, PROGRAM_ID];
        let logs: Vec<String> = [
            format!("Program {PROGRAM_ID} invoke [1]"),
            format!("Program {JOBS_PROGRAM} invoke [2]"),
            "Program log: Program x failed: custom program error: 0x1771".into(),
            format!("Program {JOBS_PROGRAM} failed: custom program error: 0x1771"),
            format!("Program {PROGRAM_ID} failed: custom program error: 0x1771"),
        ]
        .into();
        let of = |logs: &[String]| failure(&custom(6001), &programs, logs).map(|f| f.program);
        assert_eq!(of(&logs), Some(JOBS_PROGRAM));
        assert_eq!(of(&[]), Some(PROGRAM_ID), "without logs, the outer program");
        assert_eq!(
            failure(&TransactionError::BlockhashNotFound, &programs, &logs),
            None
        );
    }

    #[test]
    fn errors_without_a_code_come_with_a_next_step() {
        let said = |error| explain(&error, &[PROGRAM_ID], &[]);
        assert!(said(TransactionError::BlockhashNotFound).contains("durable nonce"));
        assert!(said(TransactionError::AccountNotFound).contains("fee payer"));
        assert!(
            said(TransactionError::InsufficientFundsForRent { account_index: 3 })
                .contains("account 3")
        );
        let missing = TransactionError::InstructionError(0, InstructionError::MissingAccount);
        assert!(said(missing).starts_with(&format!("instruction 0 of {PROGRAM_ID} failed: ")));
        assert!(explain(&custom(6024), &[PROGRAM_ID; 2], &[]).contains("(code 6024)"));
    }
}
