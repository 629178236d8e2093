//! A day of many deployments of all strategies, with nodes that finish, quit and vanish, kept by
//! three keepers of which two are killed now and then, in real processes, over real JSON-RPC.
//!
//! Short here; `cargo xtask soak` makes it long. What must hold is in `books.rs` and `day.rs`. Besides, a
//! day of an attack (`drain.rs`), and a minute in which everything fires (`minute.rs`).

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod books;
mod day;
mod drain;
mod keepers;
mod minute;
mod nodes;
mod plan;
mod proxy;

use day::Day;

/// How long and how large.
struct Size {
    deployments: usize,
    hours: i64,
    seed: u64,
}

impl Size {
    fn chosen() -> Self {
        let number = |name: &str, default: u64| {
            let chosen = std::env::var(name).ok();
            chosen.map_or(default, |text| text.parse().expect(name))
        };
        Self {
            deployments: usize::try_from(number("SOAK_DEPLOYMENTS", 12)).unwrap(),
            hours: i64::try_from(number("SOAK_HOURS", 4)).unwrap(),
            seed: number("SOAK_SEED", 1),
        }
    }
}

fn soak(name: &str, with_faults: bool) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut day = Day::begin(name, &Size::chosen(), with_faults).await;
        day.pass().await;
        day.end().await;
        println!("{}", day.report());
        day.verify();
    });
}

#[test]
fn an_attacked_keeper_ends_no_poorer_than_its_budget() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(drain::drain(Size::chosen().hours));
}

/// Without this nobody sees a day to its end: the validator dies of a slot that comes before another.
#[test]
fn slots_never_go_back_however_far_time_travels() {
    const HOURS: i64 = 72;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let stage = day::Stage::open().await;
        let started_at = stage.cluster.now().await.unwrap();
        let mut before = 0;
        for hour in 1..=HOURS {
            let at = started_at + hour * 3_600;
            stage.localnet.travel(at).unwrap();
            let now = stage.cluster.now().await.unwrap();
            assert!((at..at + 60).contains(&now), "{now} instead of {at}");
            let info = stage.cluster.client().get_epoch_info().await.unwrap();
            assert!(info.absolute_slot > before, "hour {hour}");
            before = info.absolute_slot;
        }
    });
}

#[test]
fn everything_that_fires_in_one_minute_is_listed() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(minute::minute(Size::chosen().deployments));
}

#[test]
fn keepers_that_are_killed_lose_nothing() {
    soak("killed", false);
}

#[test]
fn keepers_behind_a_node_that_fails_lose_nothing() {
    soak("faults", true);
}
