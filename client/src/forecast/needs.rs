//! What a vault has to hold, so that a deployment runs for a while.

use super::{times, Spending};
use deployments_domain::{
    funding::{with_fee, Rents},
    settings::{Settings, Strategy},
};

/// How long a deployment is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// So many rounds, each a job for every replica.
    Rounds(u32),
    /// So many hours.
    Hours(u32),
}

/// What a vault has to hold for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Rounds that are listed.
    pub rounds: u64,
    /// NOS base units: every round's deposits, and the highest network fee that the owner bears. What
    /// jobs do not use comes back.
    pub nos: u64,
    /// Lamports: the rent of jobs and runs, which comes back, and what keepers are paid.
    pub lamports: u64,
}

/// A keeper is paid when a job is listed, when it is seen running, and when it is settled.
const REWARDS_PER_JOB: u64 = 3;
/// Finished jobs hold rent until they are cleaned, a day later. Within two, somebody has.
const RENT_RETURNS_SECONDS: u64 = 2 * 86_400;

impl Need {
    /// At this price per second and these rents, from `now` on. `None` if that does not fit 64 bits.
    pub fn of(
        settings: &Settings,
        price: u64,
        rents: &Rents,
        stretch: Stretch,
        now: i64,
    ) -> Option<Self> {
        let rounds = match stretch {
            Stretch::Rounds(rounds) => rounds.into(),
            Stretch::Hours(hours) => rounds(settings, u64::from(hours) * 3_600, now),
        };
        let replicas = u64::from(settings.replicas);
        let round_nos = Spending::new(settings, price, now)?.round_nos;
        let nos = with_fee(round_nos, settings.max_fee_bps)?.checked_mul(rounds)?;
        let jobs = rounds.checked_mul(replicas)?;
        // Rewards leave the rent of the next round alone.
        let at_once = rounds.min(self::rounds(settings, RENT_RETURNS_SECONDS, now));
        let holding = at_once.checked_add(1)?.checked_mul(replicas)?;
        let rent = rents.job.checked_add(rents.run)?.checked_mul(holding)?;
        let reward = settings.keeper_reward_lamports;
        let rewards = reward.checked_mul(REWARDS_PER_JOB)?.checked_mul(jobs)?;
        let lamports = rents.floor.checked_add(rent)?.checked_add(rewards)?;
        Some(Self {
            rounds,
            nos,
            lamports,
        })
    }
}

/// Rounds that are listed within so many seconds, at least one.
fn rounds(settings: &Settings, seconds: u64, now: i64) -> u64 {
    let timeout = u64::from(settings.timeout_seconds);
    let rotation = u64::from(settings.rotation_seconds);
    let every = match settings.strategy {
        Strategy::Infinite => timeout.saturating_sub(rotation),
        Strategy::SimpleExtend if settings.auto_extend => timeout,
        Strategy::Simple | Strategy::SimpleExtend => return 1,
        Strategy::Scheduled => {
            let until = now.saturating_add_unsigned(seconds);
            let count = settings.schedule.map_or(0, |schedule| {
                times(&schedule, schedule.next_after(now), now, until).len()
            });
            return u64::try_from(count).unwrap_or(u64::MAX).max(1);
        }
    };
    seconds.div_ceil(every.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeploymentSpec;

    fn settings(fields: &str) -> Settings {
        let text = format!(
            r#"{{"name": "n", "market": "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ", {fields},
            "max_fee_bps": 1000, "keeper_reward": 10, "job_definition": {{"version": "0.1", "type": "container",
            "ops": [{{"type": "container/run", "id": "a", "args": {{"image": "ubuntu"}}}}]}}}}"#
        );
        DeploymentSpec::from_json(&text).unwrap().settings
    }

    fn need(fields: &str, stretch: Stretch) -> Need {
        Need::of(&settings(fields), 100, &Rents::DEFAULT, stretch, 0).unwrap()
    }

    #[test]
    fn a_deployment_needs_what_its_rounds_deposit_and_their_rents() {
        let simple = r#""replicas": 2, "timeout": 60, "strategy": "SIMPLE""#;
        let one = need(simple, Stretch::Hours(48));
        assert_eq!(one, need(simple, Stretch::Rounds(1)));
        assert_eq!((one.rounds, one.nos), (1, 2 * 3_600 * 110));
        let Rents { floor, job, run } = Rents::DEFAULT;
        assert_eq!(one.lamports, floor + 2 * 2 * (job + run) + 2 * 3 * 10);

        // Replaced every 40 minutes: three rounds in two hours.
        let infinite = r#""replicas": 1, "timeout": 60, "strategy": "INFINITE""#;
        assert_eq!(need(infinite, Stretch::Hours(2)).rounds, 3);
        let scheduled =
            r#""replicas": 1, "timeout": 60, "strategy": "SCHEDULED", "schedule": "0 */6 * * *""#;
        assert_eq!(need(scheduled, Stretch::Hours(24)).rounds, 4);
        assert_eq!(need(scheduled, Stretch::Hours(1)).rounds, 1);
        let extended =
            r#""replicas": 1, "timeout": 60, "strategy": "SIMPLE-EXTEND", "auto_extend": true"#;
        assert_eq!(need(extended, Stretch::Hours(5)).rounds, 5);
    }

    #[test]
    fn rent_that_has_come_back_is_used_again() {
        let infinite = r#""replicas": 1, "timeout": 60, "strategy": "INFINITE""#;
        let [month, year] = [720, 8_760].map(|hours| need(infinite, Stretch::Hours(hours)));
        assert!(year.nos > 12 * month.nos);
        let rewards = |need: &Need| need.rounds * 30;
        assert_eq!(
            year.lamports - rewards(&year),
            month.lamports - rewards(&month)
        );
    }

    #[test]
    fn what_no_vault_can_hold_is_none() {
        let simple = settings(r#""replicas": 100, "timeout": 43200, "strategy": "SIMPLE""#);
        let need = |price| Need::of(&simple, price, &Rents::DEFAULT, Stretch::Rounds(1), 0);
        assert_eq!(need(u64::MAX / 1_000), None);
        assert!(need(1_000_000).is_some());
    }
}
