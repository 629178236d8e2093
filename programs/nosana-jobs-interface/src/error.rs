//! The names of the program's errors. Two lists count from the same number, so a code alone does not
//! name an error; the instruction and the account do.

use core::fmt;

/// The first code of both lists.
pub const FIRST_CODE: u32 = 6000;

/// Passes the program's two lists of errors, in the order of their codes, to `$callback`.
#[macro_export]
macro_rules! with_errors {
    ($callback:ident) => {
        $callback! {
            jobs: [
                InvalidMarketAccount,
                MarketInWrongState,
                NotInMarketQueue,
                InvalidJobAccount,
                JobInWrongState,
                JobNotExpired,
                JobResultNull,
                JobInvalidProject,
                JobTimeoutNotGreater,
                JobInvalidRunAccount,
                JobResultsAlreadySet,
                NodeQueueDoesNotMatch,
                NodeStakeUnauthorized,
                NodeNotEnoughStake,
                NodeAlreadyQueued,
                NodeNftWrongMetadata,
                NodeNftWrongOwner,
                NodeNftInvalidAmount,
                NodeKeyInvalidCollection,
            ],
            common: [
                Unauthorized,
                InvalidOwner,
                LamportsNonNull,
                MissingSignature,
                InvalidAccount,
                InvalidTokenAccount,
                InvalidMint,
                InvalidVault,
                InvalidPayer,
                VaultEmpty,
                VaultNotEmpty,
                InvalidATA,
            ],
        }
    };
}

macro_rules! names {
    (jobs: [$($job:ident,)*], common: [$($common:ident,)*],) => {
        /// Errors of jobs, markets and nodes, from [`FIRST_CODE`].
        pub const JOBS: &[&str] = &[$(stringify!($job)),*];
        /// Errors that Nosana's programs share, from [`FIRST_CODE`].
        pub const COMMON: &[&str] = &[$(stringify!($common)),*];
    };
}

with_errors!(names);

/// The names of a code: two if both lists have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// Of [`JOBS`].
    pub jobs: Option<&'static str>,
    /// Of [`COMMON`].
    pub common: Option<&'static str>,
}

/// The names behind a code, or `None` if the program does not have it.
pub fn names(code: u32) -> Option<Names> {
    let position = usize::try_from(code.checked_sub(FIRST_CODE)?).ok()?;
    let at = |list: &[&'static str]| list.get(position).copied();
    let (jobs, common) = (at(JOBS), at(COMMON));
    (jobs.is_some() || common.is_some()).then_some(Names { jobs, common })
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.jobs, self.common) {
            (Some(jobs), Some(common)) => write!(f, "{jobs} or {common}"),
            (Some(one), None) | (None, Some(one)) => f.write_str(one),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_code_stands_for_one_error_or_for_two() {
        assert_eq!((JOBS.len(), COMMON.len()), (19, 12));
        let said = |code| names(code).map(|names| names.to_string());
        assert_eq!(
            said(6001).as_deref(),
            Some("MarketInWrongState or InvalidOwner")
        );
        assert_eq!(said(6018).as_deref(), Some("NodeKeyInvalidCollection"));
        assert_eq!((said(6019), said(5999)), (None, None));
    }
}
