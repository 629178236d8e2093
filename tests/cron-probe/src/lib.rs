//! Bytecode that asks a schedule for its next firing and says what that took: for the benchmark,
//! which cannot see a single function inside the deployments program.

use borsh::{BorshDeserialize, BorshSerialize};
use core::hint::black_box;
use deployments_domain::cron::Schedule;
use solana_program::{
    account_info::AccountInfo, entrypoint::ProgramResult, log::sol_log_compute_units,
    program::set_return_data, pubkey::Pubkey,
};

/// The instruction's data: a schedule's bit sets, and the time to start from.
#[derive(BorshSerialize, BorshDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Minutes, hours, days of the month, months and days of the week.
    pub sets: (u64, u32, u32, u16, u8),
    /// Whether the two day fields began with `*`.
    pub stars: (bool, bool),
    /// Unix seconds.
    pub after: i64,
}

impl Question {
    /// Asks for the first firing of `schedule` after `after`, unix seconds.
    pub fn new(schedule: &Schedule, after: i64) -> Self {
        Self {
            sets: (
                schedule.minute,
                schedule.hour,
                schedule.day_of_month,
                schedule.month,
                schedule.day_of_week,
            ),
            stars: (schedule.day_of_month_star, schedule.day_of_week_star),
            after,
        }
    }

    fn schedule(&self) -> Schedule {
        let (minute, hour, day_of_month, month, day_of_week) = self.sets;
        let (day_of_month_star, day_of_week_star) = self.stars;
        Schedule {
            minute,
            hour,
            day_of_month,
            month,
            day_of_week,
            day_of_month_star,
            day_of_week_star,
        }
    }
}

#[cfg(not(feature = "no-entrypoint"))]
solana_program::entrypoint!(process);

/// Returns when the schedule fires next, and logs the compute units that are left before and after.
///
/// # Errors
/// If the data is not a question.
pub fn process(_: &Pubkey, _: &[AccountInfo], data: &[u8]) -> ProgramResult {
    let question = Question::try_from_slice(data)?;
    let schedule = black_box(question.schedule());
    sol_log_compute_units();
    let next = black_box(schedule.next_after(question.after));
    sol_log_compute_units();
    set_return_data(&borsh::to_vec(&next)?);
    Ok(())
}

/// Compute units between the two lines of [`process`]'s log, without what writing one takes.
pub fn units_of_search(log: &[String]) -> Option<u64> {
    const WRITING: u64 = 100;
    let left = log.iter().filter_map(|line| {
        let (_, rest) = line.split_once("consumption: ")?;
        rest.split(' ').next()?.parse::<u64>().ok()
    });
    match left.collect::<Vec<_>>()[..] {
        [before, after] => before.checked_sub(after)?.checked_sub(WRITING),
        _ => None,
    }
}
