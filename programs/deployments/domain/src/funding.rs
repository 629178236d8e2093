//! What a vault can pay for, and what may leave it. NOS in base units (6 decimals), SOL in lamports.
//!
//! A vault is a system-owned account without data: the runtime lets it hold nothing, or at least
//! the rent-exempt minimum of an empty account (the *floor*), and refuses any transaction that
//! leaves something in between. Every rule about a vault's SOL knows that floor.

/// A vault's balances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Funds {
    /// NOS base units in the vault's token account.
    pub nos: u64,
    /// Lamports of the vault itself.
    pub lamports: u64,
}

/// Rent-exempt minimums in lamports, from the cluster's rent sysvar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rents {
    /// Of an empty account: the least a vault may hold unless it holds nothing.
    pub floor: u64,
    /// Of the jobs program's job account.
    pub job: u64,
    /// Of the jobs program's run account, paid at once when a node is waiting.
    pub run: u64,
}

/// Bytes that an account takes on chain besides its data, and pays rent for.
const ACCOUNT_OVERHEAD_BYTES: u64 = 128;

impl Rents {
    /// By the runtime's default of 6,960 lamports a byte: for tests and estimates.
    pub const DEFAULT: Self = Self {
        floor: 890_880,
        job: 2_561_280,
        run: 1_726_080,
    };

    /// From the rent-exempt minimum of an empty account, and the sizes of the other two: every byte
    /// costs the same. In integers, where the runtime's own formula has a float; the same wherever a
    /// byte costs whole lamports, as on every cluster, otherwise rounded up. Saturates on overflow.
    pub const fn new(floor: u64, job_bytes: u64, run_bytes: u64) -> Self {
        let empty = Self {
            floor,
            job: 0,
            run: 0,
        };
        Self {
            job: empty.of(job_bytes),
            run: empty.of(run_bytes),
            ..empty
        }
    }

    /// Of an account with so many bytes of data. Saturates on overflow.
    pub const fn of(&self, bytes: u64) -> u64 {
        let bytes = bytes.saturating_add(ACCOUNT_OVERHEAD_BYTES);
        self.floor
            .saturating_mul(bytes)
            .div_ceil(ACCOUNT_OVERHEAD_BYTES)
    }
}

/// NOS base units that the market takes for one job, or `None` on overflow.
///
/// `price_per_second` is the market's, in base units; `timeout_seconds` the job's.
pub const fn job_cost(price_per_second: u64, timeout_seconds: u32) -> Option<u64> {
    price_per_second.checked_mul(timeout_seconds as u64)
}

/// Whether a vault may hold `lamports`: nothing, or at least the floor.
pub const fn may_hold(lamports: u64, floor: u64) -> bool {
    lamports == 0 || lamports >= floor
}

/// Lamports that `jobs` new jobs take from the vault: rent of every job account, and of a run
/// account for each job that a waiting node takes at once. `None` on overflow.
pub fn listing_lamports(jobs: u32, nodes_waiting: u32, rents: &Rents) -> Option<u64> {
    let runs = jobs.min(nodes_waiting);
    rents
        .job
        .checked_mul(u64::from(jobs))?
        .checked_add(rents.run.checked_mul(u64::from(runs))?)
}

/// How many jobs, at most `wanted`, the vault can pay for in NOS and in rent, so that afterwards it
/// still holds nothing or the floor.
///
/// Fewer jobs than returned are affordable too: a job's rent exceeds the floor.
pub fn affordable_jobs(
    funds: &Funds,
    cost_per_job: u64,
    nodes_waiting: u32,
    rents: &Rents,
    wanted: u32,
) -> u32 {
    let by_nos = match funds.nos.checked_div(cost_per_job) {
        Some(jobs) => u32::try_from(jobs).unwrap_or(u32::MAX),
        None => wanted, // a free market
    };
    (1..=wanted.min(by_nos))
        .rev()
        .find(|jobs| {
            listing_lamports(*jobs, nodes_waiting, rents)
                .and_then(|needed| funds.lamports.checked_sub(needed))
                .is_some_and(|left| may_hold(left, rents.floor))
        })
        .unwrap_or(0)
}

/// The most that is taken for `cost` if the markets' program adds its network fee, in hundredths of
/// a percent (basis points). `None` on overflow.
pub fn with_fee(cost: u64, max_fee_bps: u16) -> Option<u64> {
    let fee = u128::from(cost)
        .checked_mul(max_fee_bps.into())?
        .div_ceil(BPS_OF_ALL.into());
    cost.checked_add(u64::try_from(fee).ok()?)
}

/// Basis points of the whole.
pub const BPS_OF_ALL: u16 = 10_000;

/// Lamports that a keeper is paid for closing finished jobs, out of the rent that returned: a twentieth,
/// so that it follows the cluster's rent.
pub const fn cleaning_reward(returned_lamports: u64) -> u64 {
    returned_lamports / 20
}

/// What a deployment has paid to keepers on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewards {
    /// Days since 1970, UTC, of the last reward.
    pub day: u64,
    /// Lamports on that day.
    pub lamports: u64,
}

/// What decides about a reward, besides the vault's balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RewardTerms {
    /// Lamports per job.
    pub per_job: u64,
    /// Most lamports a day.
    pub per_day: u64,
    /// Jobs whose rents stay in the vault: rewards never keep a deployment from listing.
    pub jobs_ahead: u32,
}

impl Rewards {
    /// Nothing paid.
    pub const fn new() -> Self {
        Self {
            day: 0,
            lamports: 0,
        }
    }

    /// Lamports that a keeper is paid for `jobs` jobs, and notes them: only out of what the vault
    /// holds above its floor and the rents of jobs to come, and only while the day's sum allows it. A
    /// clock that steps back does not begin a new day.
    pub fn pay(
        &mut self,
        jobs: u32,
        terms: &RewardTerms,
        vault_lamports: u64,
        rents: &Rents,
        now: i64,
    ) -> u64 {
        let today = u64::try_from(now).unwrap_or(0) / SECONDS_PER_DAY;
        let (day, paid) = match today > self.day {
            true => (today, 0),
            false => (self.day, self.lamports),
        };
        let reserve = listing_lamports(terms.jobs_ahead, terms.jobs_ahead, rents)
            .and_then(|lamports| lamports.checked_add(rents.floor))
            .unwrap_or(u64::MAX);
        let lamports = terms
            .per_job
            .saturating_mul(u64::from(jobs))
            .min(terms.per_day.saturating_sub(paid))
            .min(vault_lamports.saturating_sub(reserve));
        if lamports > 0 {
            *self = Self {
                day,
                lamports: paid.saturating_add(lamports),
            };
        }
        lamports
    }
}

const SECONDS_PER_DAY: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RENTS: Rents = Rents::DEFAULT;

    #[test]
    fn cleaning_pays_a_twentieth() {
        for (returned, reward) in [(0, 0), (19, 0), (20, 1), (2_561_280, 128_064)] {
            assert_eq!(cleaning_reward(returned), reward);
        }
    }

    #[test]
    fn a_reward_of_nothing_is_not_noted() {
        let terms = RewardTerms {
            per_job: 0,
            per_day: 1_000,
            jobs_ahead: 0,
        };
        let mut rewards = Rewards::default();
        let now = 3 * 86_400;
        assert_eq!(rewards.pay(1, &terms, u64::MAX, &RENTS, now), 0);
        assert_eq!(rewards, Rewards::default());
    }

    fn affordable(nos: u64, lamports: u64, nodes_waiting: u32) -> u32 {
        affordable_jobs(&Funds { nos, lamports }, 100, nodes_waiting, &RENTS, 10)
    }

    #[test]
    fn nos_limits_the_number() {
        assert_eq!(affordable(99, u64::MAX, 0), 0);
        assert_eq!(affordable(100, u64::MAX, 0), 1);
        assert_eq!(affordable(299, u64::MAX, 0), 2);
        assert_eq!(affordable(u64::MAX, u64::MAX, 0), 10);
    }

    #[test]
    fn sol_limits_the_number_and_the_floor_stays_or_nothing_does() {
        assert_eq!(affordable(1_000, RENTS.job - 1, 0), 0);
        assert_eq!(
            affordable(1_000, RENTS.job, 0),
            1,
            "exactly empties the vault"
        );
        assert_eq!(
            affordable(1_000, RENTS.job + 1, 0),
            0,
            "would leave one lamport"
        );
        assert_eq!(affordable(1_000, RENTS.job + RENTS.floor - 1, 0), 0);
        assert_eq!(affordable(1_000, RENTS.job + RENTS.floor, 0), 1);
        assert_eq!(affordable(1_000, 2 * RENTS.job, 0), 2);
    }

    #[test]
    fn a_waiting_node_makes_the_vault_pay_for_its_run() {
        assert_eq!(affordable(1_000, RENTS.job + RENTS.floor, 1), 0);
        assert_eq!(affordable(1_000, RENTS.job + RENTS.run + RENTS.floor, 1), 1);
        assert_eq!(affordable(1_000, 2 * RENTS.job + RENTS.run, 1), 2);
    }

    #[test]
    fn rents_follow_from_the_floor_and_are_never_too_low() {
        let of = |floor| {
            let rents = Rents::new(floor, 240, 120);
            (rents.floor, rents.job, rents.run)
        };
        assert_eq!(Rents::new(RENTS.floor, 240, 120), RENTS);
        assert_eq!(of(0), (0, 0, 0));
        assert_eq!(of(129), (129, 371, 250));
        let (_, job, run) = of(u64::MAX);
        assert!(job > u64::MAX / 200 && run > u64::MAX / 200, "no wrapping");
    }

    #[test]
    fn a_free_market_costs_rent_only() {
        let funds = Funds {
            nos: 0,
            lamports: 3 * RENTS.job,
        };
        assert_eq!(affordable_jobs(&funds, 0, 0, &RENTS, 10), 3);
    }

    #[test]
    fn a_price_that_overflows_is_no_price() {
        assert_eq!(job_cost(u64::MAX, 1), Some(u64::MAX));
        assert_eq!(job_cost(u64::MAX, 2), None);
    }

    #[test]
    fn a_fee_is_rounded_up_and_never_overflows() {
        assert_eq!(with_fee(1_000, 0), Some(1_000));
        assert_eq!(with_fee(1_000, 1_000), Some(1_100));
        assert_eq!(with_fee(1, 1), Some(2));
        assert_eq!(with_fee(u64::MAX, 1), None);
        assert_eq!(with_fee(u64::MAX / 2, BPS_OF_ALL), Some(u64::MAX - 1));
    }

    #[test]
    fn a_reward_never_touches_the_floor_nor_the_rent_of_jobs_ahead() {
        let reward = |spare, jobs_ahead| {
            let held = RENTS.floor + u64::from(jobs_ahead) * (RENTS.job + RENTS.run) + spare;
            let terms = RewardTerms {
                per_job: 5_000,
                per_day: u64::MAX,
                jobs_ahead,
            };
            Rewards::new().pay(3, &terms, held, &RENTS, 0)
        };
        for jobs_ahead in [0, 1, 100] {
            assert_eq!(reward(20_000, jobs_ahead), 15_000);
            assert_eq!(reward(10_000, jobs_ahead), 10_000);
            assert_eq!(reward(0, jobs_ahead), 0);
        }
        let terms = RewardTerms {
            per_job: 5_000,
            per_day: u64::MAX,
            jobs_ahead: u32::MAX,
        };
        assert_eq!(Rewards::new().pay(3, &terms, 100_000, &RENTS, 0), 0);
    }

    #[test]
    fn a_day_s_rewards_have_a_limit_and_a_clock_that_steps_back_does_not_lift_it() {
        const DAY: i64 = 86_400;
        let terms = RewardTerms {
            per_job: 5_000,
            per_day: 12_000,
            jobs_ahead: 0,
        };
        let mut rewards = Rewards::new();
        let mut pay = |now| rewards.pay(1, &terms, u64::MAX, &RENTS, now);
        assert_eq!([pay(9 * DAY), pay(9 * DAY + 5)], [5_000; 2]);
        assert_eq!(
            [pay(10 * DAY - 1), pay(8 * DAY), pay(i64::MIN)],
            [2_000, 0, 0]
        );
        assert_eq!(pay(10 * DAY), 5_000);
        assert_eq!(pay(i64::MAX), 5_000, "a new day");
    }

    proptest! {
        #[test]
        fn what_is_affordable_leaves_a_vault_that_may_exist(
            nos in 0..2_000u64, lamports in 0..40_000_000u64, waiting in 0..12u32, wanted in 0..12u32,
        ) {
            let funds = Funds { nos, lamports };
            let jobs = affordable_jobs(&funds, 100, waiting, &RENTS, wanted);
            prop_assert!(jobs <= wanted);
            // Every smaller number is affordable too, and the next larger one is not.
            for fewer in 1..=jobs {
                let left = lamports - listing_lamports(fewer, waiting, &RENTS).unwrap_or(u64::MAX);
                prop_assert!(may_hold(left, RENTS.floor) && nos >= 100 * u64::from(fewer));
            }
            if jobs < wanted {
                let more = listing_lamports(jobs + 1, waiting, &RENTS).unwrap_or(u64::MAX);
                let left = lamports.checked_sub(more);
                let fits = left.is_some_and(|left| may_hold(left, RENTS.floor));
                prop_assert!(!fits || nos < 100 * u64::from(jobs + 1));
            }
        }
    }
}
