//! Which deployments there are, and what nodes do: made up from the seed.

use nosana_deploy_client::domain::{
    cron::Schedule,
    settings::{Overlap, Strategy},
};
use nosana_deploy_client::DeploymentSpec;
use rand::{rngs::StdRng, seq::IndexedRandom, Rng};
use solana_program::pubkey::Pubkey;

/// NOS base units per second.
pub(crate) const PRICE: u64 = 100;
/// Paid by every third deployment.
pub(crate) const REWARD: u64 = 10_000;

pub(crate) const JOB: &str = r#"{"version": "0.1", "type": "container", "ops": [{"type": "container/run", "id": "a", "args": {"image": "ubuntu"}}]}"#;
/// The localnet runs about 13 transactions a second, so a long day is a calm one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    schedules: [&'static str; 5],
    /// How many times longer jobs run.
    slowness: i64,
}

impl Pace {
    pub(crate) fn of(hours: i64) -> Self {
        match hours {
            ..=6 => Self {
                schedules: BUSY,
                slowness: 1,
            },
            _ => Self {
                schedules: CALM,
                slowness: 3,
            },
        }
    }
}

const CALM: [&str; 5] = [
    "0 */4 * * *",
    "30 6,18 * * *",
    "0 * * * *",
    "0 0 * * *",
    "15 */6 * * *",
];
const BUSY: [&str; 5] = [
    "0 * * * *",
    "30 * * * *",
    "*/30 * * * *",
    "0 */2 * * *",
    "15 */3 * * *",
];

/// Deployment number `number`, in a vault of its own.
pub(crate) fn spec(number: usize, market: &Pubkey, pace: Pace, rng: &mut StdRng) -> DeploymentSpec {
    let (strategy, extra) = match number % 4 {
        0 => {
            let schedule = pace.schedules.choose(rng).unwrap();
            let overlap = ["ALLOW", "REPLACE"].choose(rng).unwrap();
            (
                "SCHEDULED",
                format!(r#""schedule": "{schedule}", "overlap": "{overlap}","#),
            )
        }
        1 => ("INFINITE", r#""rotation_time": 10,"#.to_owned()),
        2 => ("SIMPLE", String::new()),
        _ => (
            "SIMPLE-EXTEND",
            format!(r#""auto_extend": {},"#, rng.random_bool(0.5)),
        ),
    };
    let timeout = match strategy {
        "SCHEDULED" => [10, 20].choose(rng).unwrap(),
        "INFINITE" => [120, 240, 360].choose(rng).unwrap(),
        _ => [30, 60, 90].choose(rng).unwrap(),
    };
    // Some need several transactions to be listed.
    let replicas = if number % 16 == 2 {
        15
    } else {
        rng.random_range(1..=2)
    };
    let reward = if number.is_multiple_of(3) { REWARD } else { 0 };
    let text = format!(
        r#"{{"name": "soak {number}", "market": "{market}", "timeout": {timeout}, "replicas": {replicas},
            "strategy": "{strategy}", {extra} "vault": {number}, "keeper_reward": {reward},
            "autostart": true, "job_definition": {JOB}}}"#
    );
    DeploymentSpec::from_json(&text).unwrap()
}

/// Firings after `start`, until `end`.
pub(crate) fn firings(schedule: &Schedule, start: i64, end: i64) -> u64 {
    let mut count = 0;
    let mut at = start;
    while let Some(next) = schedule.next_after(at).filter(|next| *next <= end) {
        count += 1;
        at = next;
    }
    count
}

/// Whether a deployment lists every firing's jobs whatever else happens.
pub(crate) fn lists_every_firing(spec: &DeploymentSpec) -> bool {
    spec.settings.strategy == Strategy::Scheduled && spec.settings.overlap != Overlap::Forbid
}

/// What a node does with a job that it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// Finishes after so many seconds, if its timeout is not over by then.
    Finish(i64),
    /// Gives it up after so many seconds.
    Quit(i64),
    /// Is never heard of again.
    Vanish,
}

/// What happens to a job, from its address alone, so that neither races nor faults change it.
pub(crate) fn conduct(job: &Pubkey, pace: Pace) -> Conduct {
    let bytes = job.to_bytes();
    let share = i64::from(u16::from_le_bytes([bytes[1], bytes[2]]));
    match bytes[0] % 10 {
        0 => Conduct::Finish(5),
        1 => Conduct::Quit(30 + share % 600),
        2 => Conduct::Vanish,
        3..=6 => Conduct::Finish((300 + share % 3_300) * pace.slowness),
        _ => Conduct::Finish((300 + share % 14_100) * pace.slowness),
    }
}
