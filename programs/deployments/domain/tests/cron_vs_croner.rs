//! Our cron against an independent implementation, on generated expressions and instants.

#![allow(clippy::unwrap_used)]

use chrono::DateTime;
use croner::Cron;
use deployments_domain::cron::Schedule;
use rand::{rngs::StdRng, seq::IndexedRandom, Rng, SeedableRng};

const EXPRESSIONS: usize = 2_500;
const INSTANTS: usize = 60;

const MONTHS: [&str; 12] = [
    "JAN", "feb", "Mar", "APR", "may", "Jun", "JUL", "aug", "Sep", "OCT", "nov", "Dec",
];
const DAYS: [&str; 7] = ["SUN", "mon", "Tue", "WED", "thu", "Fri", "SAT"];

fn item(random: &mut StdRng, low: u32, high: u32, names: &[&str]) -> String {
    let value = random.random_range(low..=high);
    let end = random.random_range(value..=high);
    match random.random_range(0..10) {
        0..=4 => value.to_string(),
        5 | 6 => format!("{value}-{end}"),
        7 | 8 => format!("{value}-{end}/{}", random.random_range(1..=4)),
        _ => match names.get((value - low) as usize) {
            Some(name) => (*name).to_string(),
            None => value.to_string(),
        },
    }
}

fn field(random: &mut StdRng, low: u32, high: u32, names: &[&str], star: f64) -> String {
    if random.random_bool(star) {
        return "*".into();
    }
    let items = *[1, 1, 1, 2, 3].choose(random).unwrap();
    (0..items)
        .map(|_| item(random, low, high, names))
        .collect::<Vec<_>>()
        .join(",")
}

/// Expressions on which both implementations mean the same. Ours follows Vixie in taking a *stepped*
/// star such as `*/2` for a star when it weighs the two day fields; croner takes only a bare `*`
/// for one. So a stepped star stands in a day field only beside a bare one.
fn expression(random: &mut StdRng) -> String {
    let minute = match random.random_range(0..4) {
        0 => format!("*/{}", random.random_range(1..=30)),
        _ => field(random, 0, 59, &[], 0.2),
    };
    let hour = match random.random_range(0..4) {
        0 => format!("*/{}", random.random_range(1..=12)),
        _ => field(random, 0, 23, &[], 0.3),
    };
    let month = match random.random_range(0..6) {
        0 => format!("*/{}", random.random_range(1..=6)),
        _ => field(random, 1, 12, &MONTHS, 0.5),
    };
    let (day, weekday) = match random.random_range(0..8) {
        0 => (format!("*/{}", random.random_range(1..=15)), "*".into()),
        1 => ("*".into(), format!("*/{}", random.random_range(1..=3))),
        _ => (
            field(random, 1, 31, &[], 0.4),
            field(random, 0, 7, &DAYS, 0.4),
        ),
    };
    format!("{minute} {hour} {day} {month} {weekday}")
}

#[test]
fn next_firings_agree_with_croner() {
    let mut random = StdRng::seed_from_u64(20_260_101);
    let (mut compared, mut never) = (0, 0);
    for _ in 0..EXPRESSIONS {
        let expression = expression(&mut random);
        let Ok(schedule) = Schedule::parse(&expression) else {
            never += 1; // days that no month has; checked in the unit tests
            continue;
        };
        let reference = Cron::new(&expression).parse().unwrap();
        for _ in 0..INSTANTS {
            // 1970 to 2199, any second.
            let instant = random.random_range(0..7_258_118_400_i64);
            let ours = schedule.next_after(instant).unwrap();
            let start = DateTime::from_timestamp(instant, 0).unwrap();
            let theirs = reference.find_next_occurrence(&start, false).unwrap();
            assert_eq!(
                ours,
                theirs.timestamp(),
                "{expression} after {instant} ({start})"
            );
            compared += 1;
        }
    }
    println!("{compared} pairs compared, {never} expressions never fire");
    assert!(compared >= 100_000, "only {compared} pairs");
}
