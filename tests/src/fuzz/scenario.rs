//! What can happen, as data.

use proptest::{collection::vec, prelude::*};
use serde::{Deserialize, Serialize};

/// A few deployments of one wallet on one market, and what happens to them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scenario {
    /// Seed of the addresses, and so of their bumps.
    pub seed: u64,
    /// The first two share a vault, the third has its own.
    pub deployments: [Plan; 3],
    /// In this order.
    pub steps: Vec<Step>,
}

/// How a deployment is created.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Number of a strategy, 0 to 3.
    pub strategy: u8,
    /// 1 to 3.
    pub replicas: u32,
    /// Number of an overlap policy, for SCHEDULED.
    pub overlap: u8,
    /// For SIMPLE-EXTEND.
    pub auto_extend: bool,
    /// Whether the price cap is the market's first price.
    pub capped: bool,
    /// Lamports per job.
    pub keeper_reward: u64,
    /// Bound on the markets' fee.
    pub max_fee_bps: u16,
    /// For SIMPLE and SIMPLE-EXTEND.
    pub retries: u32,
}

/// One thing that someone does. `d` is a deployment, 0 to 2; `v` a vault, 0 or 1; `n` a node, 0 or
/// 1; `job` is taken modulo the jobs there are.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
#[allow(missing_docs)] // the names say it
pub enum Step {
    // Owner.
    Start {
        d: usize,
    },
    Stop {
        d: usize,
    },
    Drain {
        d: usize,
    },
    Trigger {
        d: usize,
    },
    Restart {
        d: usize,
        job: Option<usize>,
    },
    LimitQueue {
        d: usize,
        minutes: u32,
    },
    AccessKey {
        d: usize,
        key: u8,
    },
    Move {
        d: usize,
        second: bool,
    },
    Archive {
        d: usize,
    },
    Close {
        d: usize,
    },
    Extend {
        d: usize,
        more: u32,
    },
    Scale {
        d: usize,
        replicas: u32,
    },
    Retime {
        d: usize,
        minutes: u32,
    },
    Reprice {
        d: usize,
        cap: u64,
    },
    Reschedule {
        d: usize,
        hourly: bool,
        overlap: u8,
        run_due: bool,
    },
    AddRevision {
        d: usize,
    },
    RollTo {
        d: usize,
        revision: u32,
    },
    CloseRevision {
        d: usize,
        revision: u32,
    },
    WriteOff {
        d: usize,
        job: usize,
    },
    Fund {
        v: usize,
        jobs: u64,
        lamports: u64,
    },
    Withdraw {
        v: usize,
        nos_percent: u64,
        lamports_percent: u64,
    },
    // Anyone.
    List {
        d: usize,
        count: u32,
    },
    Settle {
        d: usize,
    },
    StopJobs {
        d: usize,
    },
    Track {
        d: usize,
    },
    ExtendJobs {
        d: usize,
    },
    Clean {
        job: usize,
    },
    Reclaim {
        job: usize,
    },
    ReclaimRent,
    // The cluster, whose rent falls.
    Rent {
        lamports_per_byte: u64,
    },
    // Nodes.
    Work {
        n: usize,
    },
    Finish {
        job: usize,
    },
    Quit {
        job: usize,
    },
    Claim {
        n: usize,
        job: usize,
    },
    LeaveQueue {
        n: usize,
    },
    // The market's authority.
    Price {
        price: u64,
    },
    JobType {
        job_type: u8,
    },
    CloseMarket,
    OpenAnew,
    // Nosana, which can change the markets' program.
    Fee {
        bps: u16,
    },
    // Time, which never goes back on one fork.
    Wait {
        seconds: i64,
    },
    WaitForDeadline {
        job: usize,
        early: i64,
    },
    WaitForFiring {
        d: usize,
    },
    // Someone who wants the funds, or just trouble.
    Attack {
        kind: u8,
        d: usize,
        job: usize,
    },
}

impl Step {
    /// The name under which steps are counted.
    pub fn kind(&self) -> String {
        let value = serde_json::to_value(self).unwrap();
        let name = value["do"].as_str().unwrap().to_owned();
        match self {
            Step::Attack { kind, .. } => format!("{name}_{kind}"),
            _ => name,
        }
    }
}

fn plan() -> impl Strategy<Value = Plan> {
    (
        0..4u8,
        1..4u32,
        0..3u8,
        any::<bool>(),
        any::<bool>(),
        prop_oneof![Just(0), Just(5_000), Just(10_000_000)],
        prop_oneof![Just(0), Just(1_000)],
        0..2u32,
    )
        .prop_map(
            |(
                strategy,
                replicas,
                overlap,
                auto_extend,
                capped,
                keeper_reward,
                max_fee_bps,
                retries,
            )| {
                Plan {
                    strategy,
                    replicas,
                    overlap,
                    auto_extend,
                    capped,
                    keeper_reward,
                    max_fee_bps,
                    retries,
                }
            },
        )
}

fn owner_step() -> impl Strategy<Value = Step> {
    let d = 0..3usize;
    prop_oneof![
        4 => d.clone().prop_map(|d| Step::Start { d }),
        2 => d.clone().prop_map(|d| Step::Stop { d }),
        1 => d.clone().prop_map(|d| Step::Archive { d }),
        1 => d.clone().prop_map(|d| Step::Close { d }),
        1 => (d.clone(), 1..3u32).prop_map(|(d, more)| Step::Extend { d, more }),
        1 => d.clone().prop_map(|d| Step::Drain { d }),
        2 => d.clone().prop_map(|d| Step::Trigger { d }),
        2 => (d.clone(), proptest::option::of(0..3usize))
            .prop_map(|(d, job)| Step::Restart { d, job }),
        1 => (d.clone(), 0..20u32).prop_map(|(d, minutes)| Step::LimitQueue { d, minutes }),
        3 => (d.clone(), 0..3u8).prop_map(|(d, key)| Step::AccessKey { d, key }),
        2 => (d.clone(), any::<bool>()).prop_map(|(d, second)| Step::Move { d, second }),
        2 => (d.clone(), 0..5u32).prop_map(|(d, replicas)| Step::Scale { d, replicas }),
        1 => (d.clone(), 1..180u32).prop_map(|(d, minutes)| Step::Retime { d, minutes }),
        1 => (d.clone(), prop_oneof![Just(0), Just(100), Just(u64::MAX)])
            .prop_map(|(d, cap)| Step::Reprice { d, cap }),
        1 => (d.clone(), any::<bool>(), 0..3u8, any::<bool>()).prop_map(
            |(d, hourly, overlap, run_due)| Step::Reschedule { d, hourly, overlap, run_due }),
        1 => d.clone().prop_map(|d| Step::AddRevision { d }),
        1 => (d.clone(), 1..4u32).prop_map(|(d, revision)| Step::RollTo { d, revision }),
        1 => (d.clone(), 2..4u32).prop_map(|(d, revision)| Step::CloseRevision { d, revision }),
        2 => (d, 0..8usize).prop_map(|(d, job)| Step::WriteOff { d, job }),
        4 => (0..2usize, 0..8u64, prop_oneof![Just(0), 0..40_000_000u64])
            .prop_map(|(v, jobs, lamports)| Step::Fund { v, jobs, lamports }),
        1 => (0..2usize, 0..101u64, 0..101u64).prop_map(|(v, nos_percent, lamports_percent)| {
            Step::Withdraw { v, nos_percent, lamports_percent }
        }),
    ]
}

fn keeper_step() -> impl Strategy<Value = Step> {
    let d = 0..3usize;
    prop_oneof![
        12 => (d.clone(), 1..4u32).prop_map(|(d, count)| Step::List { d, count }),
        5 => d.clone().prop_map(|d| Step::Settle { d }),
        4 => d.clone().prop_map(|d| Step::StopJobs { d }),
        3 => d.clone().prop_map(|d| Step::Track { d }),
        3 => d.prop_map(|d| Step::ExtendJobs { d }),
        1 => Just(Step::ReclaimRent),
        1 => prop_oneof![Just(5_080), Just(696)]
            .prop_map(|lamports_per_byte| Step::Rent { lamports_per_byte }),
        1 => (0..8usize).prop_map(|job| Step::Clean { job }),
        2 => (0..8usize).prop_map(|job| Step::Reclaim { job }),
    ]
}

fn market_step() -> impl Strategy<Value = Step> {
    let (n, job) = (0..2usize, 0..8usize);
    prop_oneof![
        10 => n.clone().prop_map(|n| Step::Work { n }),
        5 => job.clone().prop_map(|job| Step::Finish { job }),
        3 => job.clone().prop_map(|job| Step::Quit { job }),
        2 => (n.clone(), job).prop_map(|(n, job)| Step::Claim { n, job }),
        1 => n.prop_map(|n| Step::LeaveQueue { n }),
        1 => prop_oneof![1 => Just(0), 1 => Just(1), 4 => Just(100), 2 => Just(101), 1 => Just(1_000_000), 1 => Just(u64::MAX)]
            .prop_map(|price| Step::Price { price }),
        1 => prop_oneof![5 => Just(0u8), 1 => Just(255u8)]
            .prop_map(|job_type| Step::JobType { job_type }),
        1 => prop_oneof![3 => Just(0), 1 => Just(1_000), 1 => Just(1_001)]
            .prop_map(|bps| Step::Fee { bps }),
        1 => Just(Step::OpenAnew),
    ]
}

fn time_step() -> impl Strategy<Value = Step> {
    let wait = prop_oneof![
        3 => 1..600i64,
        3 => 600..7_200i64,
        1 => 7_200..200_000i64,
    ];
    let early = prop_oneof![Just(1_200), Just(250), Just(0), Just(-1)];
    prop_oneof![
        5 => wait.prop_map(|seconds| Step::Wait { seconds }),
        4 => (0..8usize, early).prop_map(|(job, early)| Step::WaitForDeadline { job, early }),
        1 => (0..3usize).prop_map(|d| Step::WaitForFiring { d }),
    ]
}

/// Scenarios of `steps` steps.
pub fn scenario(steps: usize) -> impl Strategy<Value = Scenario> {
    let attack = (0..super::attack::KINDS, 0..3usize, 0..8usize)
        .prop_map(|(kind, d, job)| Step::Attack { kind, d, job });
    let step = prop_oneof![
        90 => owner_step(),
        160 => keeper_step(),
        120 => market_step(),
        60 => time_step(),
        36 => attack,
        1 => Just(Step::CloseMarket),
    ];
    (any::<u64>(), [plan(), plan(), plan()], vec(step, steps)).prop_map(
        |(seed, deployments, steps)| Scenario {
            seed,
            deployments,
            steps,
        },
    )
}
