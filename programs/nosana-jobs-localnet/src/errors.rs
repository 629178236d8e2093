//! The real program's two error enums. Both count from 6000, so a code alone names no error.

pub mod jobs {
    //! Errors of jobs, markets and nodes.
    use anchor_lang::prelude::*;

    /// From 6000.
    #[error_code]
    pub enum JobsError {
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
    }
}

pub mod common {
    //! Errors that Nosana's programs share.
    use anchor_lang::prelude::*;

    /// From 6000.
    #[error_code]
    pub enum CommonError {
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
    }
}

pub use {common::CommonError, jobs::JobsError};
