//! Every refusal of the program, by name. Codes are append-only: clients and tests rely on them.

use anchor_lang::prelude::*;
use deployments_domain::{settings::InvalidSettings, status::Refused};

/// The program's errors, from 6000.
#[error_code]
#[derive(PartialEq, Eq, strum::EnumIter)]
pub enum DeployError {
    // What an owner asked for.
    #[msg("name: at most 64 bytes")]
    NameTooLong, // 6000
    #[msg("strategy: unknown")]
    StrategyNotSupported, // 6001
    #[msg("replicas: out of range")]
    ReplicasOutOfRange, // 6002
    #[msg("timeout: out of range")]
    TimeoutOutOfRange, // 6003
    #[msg("schedule: strategy SCHEDULED needs one")]
    ScheduleMissing, // 6004
    #[msg("schedule: only strategy SCHEDULED has one")]
    ScheduleNotAllowed, // 6005
    #[msg("schedule: invalid, or it never fires")]
    ScheduleInvalid, // 6006
    #[msg("keeper_reward: too high")]
    KeeperRewardTooHigh, // 6007
    #[msg("id: not the owner's next deployment id; ids are used once")]
    IdNotNext, // 6008

    // Who and what was passed.
    #[msg("Only the deployment's owner may do this")]
    WrongOwner, // 6009
    #[msg("This is not the deployment's vault")]
    WrongVault, // 6010
    #[msg("This is not the vault's NOS token account")]
    WrongVaultTokenAccount, // 6011
    #[msg("This is not the deployment's market, or not a market")]
    WrongMarket, // 6012
    #[msg("This is not the market's token vault")]
    WrongMarketVault, // 6013
    #[msg("This is not the NOS mint")]
    WrongMint, // 6014
    #[msg("This is not the markets' program")]
    WrongJobsProgram, // 6015
    #[msg("This is not a rewards account of the markets")]
    WrongRewardsAccount, // 6016
    #[msg("This is not the job's, or the run's, address")]
    WrongJobAddress, // 6017
    #[msg("This is not the node's NOS token account")]
    WrongNodeTokenAccount, // 6018
    #[msg("This is not the account that paid for the run")]
    WrongRunPayer, // 6019
    #[msg("The number of accounts does not match the arguments")]
    WrongAccountCount, // 6020

    // What the status machine refuses.
    #[msg("The deployment's status does not allow this")]
    StatusRefuses, // 6021
    #[msg("The deployment is archived, which is final")]
    Archived, // 6022
    #[msg("Jobs are still active; stop the deployment and let them settle")]
    JobsActive, // 6023
    #[msg("Nothing is due; a different keeper may have been faster")]
    NothingDue, // 6024
    #[msg("Every job slot is taken until a job settles")]
    NoFreeSlot, // 6025
    #[msg("The market's queue is full; nothing was listed")]
    MarketQueueFull, // 6026

    // Money.
    #[msg("Nothing to move: give an amount above zero")]
    ZeroAmount, // 6027
    #[msg("The vault holds less than that")]
    VaultTooLow, // 6028
    #[msg("The vault's SOL must be zero or at least the rent-exempt minimum afterwards")]
    VaultBelowRentFloor, // 6029
    #[msg("The markets' program returned less NOS than is due")]
    RefundTooLow, // 6030

    // What must never happen.
    #[msg("Arithmetic overflow")]
    Overflow, // 6031
    #[msg("The deployment's account holds data that this program never writes")]
    CorruptAccount, // 6032
    #[msg("A transition would break an invariant")]
    InvariantBroken, // 6033

    // Strategies, revisions and lost jobs.
    #[msg("rotation_time: too short, or too close to the timeout")]
    RotationOutOfRange, // 6034
    #[msg("rotation_time: only strategy INFINITE has one")]
    RotationNotAllowed, // 6035
    #[msg("overlap: ALLOW, FORBID or REPLACE, and only strategy SCHEDULED has one")]
    OverlapNotAllowed, // 6036
    #[msg("auto_extend: only strategy SIMPLE-EXTEND prolongs its jobs")]
    AutoExtendNotAllowed, // 6037
    #[msg("timeout: strategy INFINITE needs at least an hour")]
    InfiniteTimeoutTooShort, // 6038
    #[msg("The deployment's strategy does not allow this")]
    StrategyRefuses, // 6039
    #[msg("Nothing to change: name at least one option")]
    NothingToUpdate, // 6040
    #[msg("revision: not the deployment's next number")]
    RevisionNotNext, // 6041
    #[msg("This is not the deployment's account of that revision")]
    WrongRevision, // 6042
    #[msg("The deployment runs this revision")]
    RevisionInUse, // 6043
    #[msg("The account has a layout version that this program does not know")]
    UnknownVersion, // 6044
    #[msg("The deployment has no active job with this index")]
    JobNotActive, // 6045
    #[msg("A keeper can still settle or stop this job; nothing needs to be given up")]
    JobCanSettle, // 6046
    #[msg("This is not the deployment")]
    WrongDeployment, // 6047
    #[msg("The job has a slot in its deployment; settle_jobs recovers it")]
    JobStillActive, // 6048
    #[msg("This is not the wallet's owner account")]
    WrongOwnerAccount, // 6049

    // What a changed markets' program could do, and what an owner must say.
    #[msg("The markets' program took more NOS than the deposit and max_fee_bps allow")]
    FeeTooHigh, // 6050
    #[msg("The markets' program took more of the vault's SOL than rent")]
    VaultSolTaken, // 6051
    #[msg("The markets' program changed the vault or its NOS token account")]
    VaultChanged, // 6052
    #[msg("max_price: give one, or say that there is none")]
    PriceCapMissing, // 6053
    #[msg("max_fee_bps: out of range")]
    MaxFeeOutOfRange, // 6054
    #[msg("retries: out of range, or the strategy has no round to retry in")]
    RetriesOutOfRange, // 6055
    #[msg("event_authority, program: not those by which this program tells its events")]
    WrongEventAccount, // 6056

    // What owners do every day.
    #[msg("replicas: only INFINITE and SCHEDULED scale to 0; stop ends the jobs of others")]
    NoReplicas, // 6057
    #[msg("max_queue_minutes: out of range, or with strategy INFINITE")]
    MaxQueueOutOfRange, // 6058
    #[msg("Jobs of an earlier firing are active, and overlap FORBID lists none beside them")]
    OverlapRefuses, // 6059
    #[msg("There is nothing that this would change")]
    NothingWouldChange, // 6060
    #[msg("The access key that lists, or listed, the job has to sign")]
    AccessKeyMissing, // 6061
    #[msg("This is not a deployment, a revision or an owner account")]
    WrongAccountKind, // 6062
}

impl From<InvalidSettings> for DeployError {
    fn from(invalid: InvalidSettings) -> Self {
        match invalid {
            InvalidSettings::Strategy => Self::StrategyNotSupported,
            InvalidSettings::Replicas => Self::ReplicasOutOfRange,
            InvalidSettings::Timeout => Self::TimeoutOutOfRange,
            InvalidSettings::ScheduleMissing => Self::ScheduleMissing,
            InvalidSettings::ScheduleNotAllowed => Self::ScheduleNotAllowed,
            InvalidSettings::Schedule => Self::ScheduleInvalid,
            InvalidSettings::KeeperReward => Self::KeeperRewardTooHigh,
            InvalidSettings::InfiniteTimeout => Self::InfiniteTimeoutTooShort,
            InvalidSettings::Rotation => Self::RotationOutOfRange,
            InvalidSettings::RotationNotAllowed => Self::RotationNotAllowed,
            InvalidSettings::Overlap => Self::OverlapNotAllowed,
            InvalidSettings::AutoExtendNotAllowed => Self::AutoExtendNotAllowed,
            InvalidSettings::MaxFee => Self::MaxFeeOutOfRange,
            InvalidSettings::Retries => Self::RetriesOutOfRange,
            InvalidSettings::NoReplicas => Self::NoReplicas,
            InvalidSettings::MaxQueue => Self::MaxQueueOutOfRange,
        }
    }
}

impl From<Refused> for DeployError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Archived => Self::Archived,
            Refused::JobsActive => Self::JobsActive,
            Refused::Status => Self::StatusRefuses,
            Refused::Strategy => Self::StrategyRefuses,
            Refused::Overlap => Self::OverlapRefuses,
            Refused::Nothing => Self::NothingWouldChange,
        }
    }
}
