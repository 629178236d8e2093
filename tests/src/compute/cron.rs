//! What a schedule takes to find its next firing: usual ones, and the worst there are.

use super::{scene::named, Bench};
use crate::{measure::Measure, NOW};
use borsh::BorshDeserialize;
use cron_probe::{units_of_search, Question};
use deployments_domain::cron::Schedule;
use serde::Serialize;
use solana_program::{instruction::Instruction, pubkey::Pubkey};

/// One search for a next firing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Firing {
    /// What the schedule is; names a budget.
    pub name: String,
    /// The schedule.
    pub expression: String,
    /// From when, unix seconds.
    pub after: i64,
    /// When it fires next, unix seconds.
    pub next: i64,
    /// Compute units of the search.
    pub compute_units: u64,
}

const USUAL: [(&str, &str); 8] = [
    ("every minute", "* * * * *"),
    ("every quarter of an hour", "*/15 * * * *"),
    ("every midnight", "0 0 * * *"),
    ("noon of weekdays", "0 12 * * 1-5"),
    ("noon of weekdays and of every 13th", "0 12 13 * 1-5"),
    ("31st of a month", "0 0 31 * *"),
    ("last minute of a year", "59 23 31 12 *"),
    ("29 February", "0 0 29 2 *"),
];
const YEARS: i64 = 400;
const SECONDS_PER_YEAR: i64 = 31_556_952;

pub(super) fn measure(bench: &Bench) -> Vec<Firing> {
    let mut chain = bench.chain.clone();
    let probe = named("cron probe");
    chain.add_program(probe, "cron_probe.so");
    let wallet = named("wallet");
    chain.set(
        &wallet,
        solana_account::Account::new(crate::SOL, 0, &Pubkey::default()),
    );
    let ask = |name: &str, expression: &str, after: i64| {
        let schedule = Schedule::parse(expression).unwrap();
        let question = Question::new(&schedule, after);
        let instruction = Instruction::new_with_borsh(probe, &question, Vec::new());
        let (answer, log) = chain.ask(instruction, &wallet);
        let next = Option::<i64>::try_from_slice(&answer).unwrap();
        assert_eq!(next, schedule.next_after(after), "{expression}");
        Firing {
            name: format!("next_after: {name}"),
            expression: expression.into(),
            after,
            next: next.unwrap(),
            compute_units: units_of_search(&log).unwrap(),
        }
    };
    let mut firings: Vec<Firing> = USUAL
        .iter()
        .map(|(name, expression)| ask(name, expression, NOW))
        .collect();
    let leap_days = ask("29 February on a Sunday, at worst", LEAP_SUNDAY, {
        longest_wait(LEAP_SUNDAY)
    });
    firings.push(leap_days);
    let rare = rare_schedules();
    let found = rare
        .iter()
        .map(|expression| ask("the worst found", expression, longest_wait(expression)));
    firings.extend(found.max_by_key(|firing| firing.compute_units));
    firings
}

/// `*/7` is Sunday alone, and begins with a star: both day fields must match.
const LEAP_SUNDAY: &str = "0 0 29 2 */7";

/// Schedules that look at many months before they fire: they wait for one date to fall on a Sunday,
/// and look at every shorter month in vain.
fn rare_schedules() -> Vec<String> {
    let days = |month: u32| match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let mut expressions = Vec::new();
    for day in 29..=31 {
        for month in (1..=12).filter(|month| days(*month) >= day) {
            let named = |candidate: &u32| *candidate == month || days(*candidate) < day;
            let months: Vec<String> = (1..=12).filter(named).map(|m| m.to_string()).collect();
            expressions.push(format!("0 0 {day} {} */7", months.join(",")));
        }
    }
    expressions
}

/// The firing in 400 years after which the schedule waits longest, unix seconds. It is at midnight,
/// so that the search begins with a day that matches and has no time left.
fn longest_wait(expression: &str) -> i64 {
    let schedule = Schedule::parse(expression).unwrap();
    let firings = std::iter::successors(schedule.next_after(NOW), |at| schedule.next_after(*at));
    let firings = firings.take_while(|at| *at < NOW + YEARS * SECONDS_PER_YEAR);
    let wait = |at: &i64| schedule.next_after(*at).unwrap() - at;
    firings.max_by_key(wait).unwrap()
}
