//! Turns the program's error codes into its own sentences.

use deployments::errors::DeployError;

/// The sentence for a custom error code of the deployments program, or `None` if the code is not
/// one of its own (Anchor's checks of accounts are below 6000).
pub fn sentence(code: u32) -> Option<String> {
    all()
        .into_iter()
        .find(|error| u32::from(*error) == code)
        .map(|error| error.to_string())
}

/// Every error of the program, in the order of its code.
pub fn all() -> Vec<DeployError> {
    use DeployError::*;
    vec![
        NameTooLong,
        StrategyNotSupported,
        ReplicasOutOfRange,
        TimeoutOutOfRange,
        ScheduleMissing,
        ScheduleNotAllowed,
        ScheduleInvalid,
        KeeperRewardTooHigh,
        IdNotNext,
        WrongOwner,
        WrongVault,
        WrongVaultTokenAccount,
        WrongMarket,
        WrongMarketVault,
        WrongMint,
        WrongJobsProgram,
        WrongRewardsAccount,
        WrongJobAddress,
        WrongNodeTokenAccount,
        WrongRunPayer,
        WrongAccountCount,
        StatusRefuses,
        Archived,
        JobsActive,
        NothingDue,
        NoFreeSlot,
        MarketQueueFull,
        ZeroAmount,
        VaultTooLow,
        VaultBelowRentFloor,
        DepositMismatch,
        Overflow,
        CorruptAccount,
        InvariantBroken,
        RotationOutOfRange,
        RotationNotAllowed,
        OverlapNotAllowed,
        AutoExtendNotAllowed,
        InfiniteTimeoutTooShort,
        StrategyRefuses,
        NothingToUpdate,
        RevisionNotNext,
        WrongRevision,
        RevisionInUse,
        NeedsMigration,
        AlreadyMigrated,
        JobNotActive,
        JobCanSettle,
        WrongDeployment,
        JobStillActive,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_consecutive_from_6000_and_have_sentences() {
        for (code, error) in (6000u32..).zip(all()) {
            assert_eq!(u32::from(error), code);
            assert!(sentence(code).is_some_and(|text| !text.is_empty()));
        }
        assert_eq!(
            sentence(6033),
            Some("A transition would break an invariant".into())
        );
        assert_eq!(sentence(6050), None);
        assert_eq!(sentence(3012), None);
    }
}
