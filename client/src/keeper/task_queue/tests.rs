use super::*;
use crate::keeper::plan::tests::{snapshot, NOON, OPEN};
use deployments_domain::settings::Strategy;

/// A running deployment with one job, at the address made of `byte`.
fn running(byte: u8) -> Snapshot {
    let mut running =
        snapshot(Strategy::Simple, Status::Running).and_job(OPEN, Some(NOON - i64::from(byte)));
    running.deployment.address = Pubkey::new_from_array([byte; 32]);
    running
}

fn watching(snapshots: &[Snapshot]) -> TaskQueue {
    let mut watch = TaskQueue::default();
    watch.set_time(NOON);
    for snapshot in snapshots {
        watch.deployment(&snapshot.deployment, 10);
    }
    watch
}

/// Takes everything that is ready, and finds nothing due in it.
fn look(watch: &mut TaskQueue, snapshots: &[Snapshot], slot: u64) -> Vec<u8> {
    let mut seen = Vec::new();
    while let Some(task) = watch.take() {
        let snapshot = snapshots
            .iter()
            .find(|one| one.deployment.address == task.account.address)
            .unwrap();
        watch.done(snapshot, slot);
        seen.push(task.account.address.to_bytes()[0]);
    }
    seen
}

fn job_of(snapshot: &Snapshot) -> Pubkey {
    snapshot.deployment.job_addresses()[0]
}

const ENDED: JobState = JobState::Gone;

#[test]
fn what_changed_is_looked_at_once_and_nothing_else() {
    let all = [running(1), running(2), running(3)];
    let mut watch = watching(&all);
    assert_eq!(look(&mut watch, &all, 10), [1, 2, 3], "all are new");
    let job = job_of(&all[1]);
    watch.run(Pubkey::new_unique(), job);
    watch.job(&job, ENDED);
    assert_eq!(look(&mut watch, &all, 12), [2]);
    watch.job(&Pubkey::new_unique(), ENDED);
    watch.job(&job, OPEN);
    assert_eq!(
        look(&mut watch, &all, 13),
        [0; 0],
        "nobody's job; and nothing new"
    );
}

#[test]
fn repeated_notifications_change_nothing_and_late_ones_cost_a_look() {
    let all = [running(1)];
    let mut watch = watching(&all);
    look(&mut watch, &all, 20);
    watch.deployment(&all[0].deployment, 20);
    let (job, known) = (job_of(&all[0]), all[0].jobs[0].run.unwrap().address);
    watch.run(known, job);
    assert_eq!(look(&mut watch, &all, 21), [0; 0]);
    watch.run(Pubkey::new_unique(), job);
    assert_eq!(look(&mut watch, &all, 21), [1], "another run");

    let mut without_jobs = snapshot(Strategy::Simple, Status::Running).deployment;
    without_jobs.address = all[0].deployment.address;
    watch.deployment(&without_jobs, 19);
    let task = watch.take().unwrap();
    assert_eq!(
        (task.account.jobs.len(), task.slot),
        (1, 21),
        "the newer one counts"
    );
}

#[test]
fn what_changes_during_a_look_is_looked_at_again() {
    let all = [running(1)];
    let mut watch = watching(&all);
    let task = watch.take().unwrap();
    watch.job(&job_of(&all[0]), ENDED);
    assert!(watch.take().is_none(), "one at a time");
    assert_eq!(task.account.address, all[0].deployment.address);
    watch.done(&all[0], 30);
    assert!(watch.take().is_some());
}

#[test]
fn time_brings_back_what_it_makes_due_and_says_since_when() {
    let all = [running(1), running(2)];
    let mut watch = watching(&all);
    look(&mut watch, &all, 10);
    let first = all[1].next_at().unwrap(); // it started a second before the other
    watch.set_time(first - 1);
    assert!(watch.take().is_none());
    watch.set_time(first + 5);
    let task = watch.take().unwrap();
    assert_eq!(
        (task.account.address, task.since),
        (all[1].deployment.address, first)
    );
    watch.set_time(first - 100);
    assert_eq!(watch.now(), first + 5, "time does not run backwards");
}

#[test]
fn failures_are_tried_again_later_and_later_and_a_success_forgets_them() {
    let all = [running(1)];
    let mut watch = watching(&all);
    let mut waits = Vec::new();
    for _ in 0..12 {
        let before = watch.now();
        let task = watch.take().unwrap();
        watch.failed(&task.account.address);
        while watch.waiting() == 0 {
            watch.set_time(watch.now() + 1);
        }
        waits.push(watch.now() - before);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    look(&mut watch, &all, 10);
    watch.job(&job_of(&all[0]), ENDED);
    let task = watch.take().unwrap();
    let before = watch.now();
    watch.failed(&task.account.address);
    watch.set_time(before + 1);
    assert!(watch.take().is_some());
}

#[test]
fn money_in_a_vault_wakes_those_who_wait_for_it() {
    let mut poor = snapshot(Strategy::Simple, Status::InsufficientFunds);
    poor = poor.with(|header| {
        (header.owed, header.vault, header.vault_nos) =
            (2, Pubkey::new_unique(), Pubkey::new_unique());
    });
    poor.funds.nos = 0;
    let all = [poor, running(2)];
    let mut watch = watching(&all);
    look(&mut watch, &all, 10);
    let header = &all[0].deployment.header;
    let awaited: BTreeSet<Pubkey> = watch.awaited_vaults().copied().collect();
    assert_eq!(awaited, BTreeSet::from([header.vault, header.vault_nos]));
    watch.vault(&header.vault_nos);
    let task = watch.take().unwrap();
    assert_eq!(task.account.address, all[0].deployment.address);
    let rich = all[0]
        .clone()
        .with(|header| header.status = Status::Running as u8);
    watch.done(&rich, 11);
    assert_eq!(watch.awaited_vaults().count(), 0);
    assert!(watch.take().is_none());
}

#[test]
fn a_scan_finds_what_notifications_lost_and_forgets_what_is_gone() {
    let all = [running(1), running(2)];
    let mut watch = watching(&all);
    look(&mut watch, &all, 10);
    let mut idle = snapshot(Strategy::Simple, Status::Draft).deployment;
    idle.address = Pubkey::new_unique();
    let found = vec![all[0].deployment.clone(), idle];
    let may_be_due = watch.scanned(found, 20, false);
    assert_eq!(may_be_due.len(), 1, "a draft waits for its owner");
    assert_eq!(watch.len(), 2, "the second is gone");
    watch.seen(all[0].clone(), 20);
    assert!(watch.take().is_none(), "nothing is due");
    let mut overdue = all[0].clone();
    overdue.now = NOON + 4_000;
    watch.seen(overdue, 21);
    assert_eq!(
        watch.take().unwrap().account.address,
        all[0].deployment.address
    );
}

#[test]
fn a_known_run_comes_with_the_task_until_its_job_is_over() {
    let all = [running(1)];
    let mut watch = watching(&all);
    look(&mut watch, &all, 10);
    let (address, job) = (Pubkey::new_unique(), job_of(&all[0]));
    watch.run(address, job);
    let task = watch.take().unwrap();
    assert_eq!(task.runs, RunAddresses::from([(job, address)]));
    let mut over = snapshot(Strategy::Simple, Status::Stopped);
    over.deployment.address = task.account.address;
    watch.done(&over, 12);
    assert!(watch.runs.is_empty() && watch.jobs.is_empty());
}

/// A deployment of this owner that pays this reward.
fn of(owner: u8, reward_lamports: u64, byte: u8) -> Snapshot {
    running(byte).with(|header| {
        header.owner = Pubkey::new_from_array([owner; 32]);
        header.keeper_reward_lamports = reward_lamports;
    })
}

#[test]
fn owners_take_turns_and_within_a_turn_who_pays_most_is_first() {
    let greedy = (0..50).map(|byte| of(1, 9_000, 100 + byte));
    let others = [of(2, 5_000, 1), of(3, 7_000, 2), of(2, 5_000, 3)];
    let all: Vec<Snapshot> = greedy.chain(others).collect();
    let mut watch = watching(&all);
    let order = look(&mut watch, &all, 10);
    assert_eq!(order[..6], [100, 2, 1, 101, 3, 102]);
    assert_eq!(order.len(), 53);
    // Who came late starts with the turn under way, not with all that were missed.
    for snapshot in &all[..50] {
        watch.job(&job_of(snapshot), ENDED);
    }
    let first: Vec<u8> = (0..3)
        .map(|_| watch.take().unwrap().account.address.to_bytes()[0])
        .collect();
    assert_eq!(first, [100, 101, 102]);
    watch.job(&job_of(&all[50]), ENDED);
    watch.job(&job_of(&all[52]), ENDED);
    assert_eq!(look(&mut watch, &all, 11)[..4], [1, 103, 3, 104]);
}

#[test]
fn a_staggered_one_is_named_once_and_waits_until_it_is_ready() {
    let all = [running(1), running(2)];
    let mut watch = TaskQueue::staggered();
    watch.set_time(NOON);
    for snapshot in &all {
        watch.deployment(&snapshot.deployment, 10);
    }
    let named = [watch.noticed().unwrap(), watch.noticed().unwrap()];
    assert_eq!(named, [1, 2].map(|byte| Pubkey::new_from_array([byte; 32])));
    assert_eq!((watch.noticed(), watch.waiting()), (None, 2));
    watch.set_time(NOON + 7);
    assert!(watch.take().is_none());
    assert_eq!(watch.waits_seconds(), 7);
    watch.ready(&named[1]);
    watch.ready(&named[1]);
    assert_eq!(watch.take().unwrap().account.address, named[1]);
    watch.ready(&named[1]);
    assert!(watch.take().is_none(), "a worker has it");
    watch.forget(&named[0]);
    watch.ready(&named[0]);
    assert!(watch.take().is_none() && watch.waiting() == 0);
}

/// Seconds between looks at a deployment in which nothing changes, from the first look on.
fn waits(snapshot: &Snapshot, count: usize) -> Vec<i64> {
    let mut watch = watching(std::slice::from_ref(snapshot));
    let mut waits = Vec::new();
    let mut at = NOON;
    while let Some(task) = watch.take() {
        let mut look = snapshot.clone();
        (look.deployment, look.now) = (task.account, at);
        watch.done(&look, 10);
        let Some((next, _)) = watch
            .timers
            .first()
            .copied()
            .filter(|_| waits.len() < count)
        else {
            break;
        };
        waits.push(next - at);
        at = next;
        watch.set_time(at);
    }
    waits
}

#[test]
fn a_long_shortage_is_looked_at_ever_more_rarely_and_at_once_when_its_vault_changes() {
    let mut poor = snapshot(Strategy::Simple, Status::InsufficientFunds).with(|header| {
        header.owed = 2;
        header.vault = Pubkey::new_unique();
    });
    poor.funds.nos = 0;
    let rarely = [
        300, 600, 1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 76_800, 86_400, 86_400,
    ];
    assert_eq!(waits(&poor, 11), rarely);
    assert_eq!(waits(&poor, 300).last(), Some(&86_400));

    let all = [poor];
    let mut watch = watching(&all);
    look(&mut watch, &all, 10);
    let again = || vec![all[0].deployment.clone()];
    assert!(watch.scanned(again(), 11, false).is_empty(), "nothing new");
    assert_eq!(watch.scanned(again(), 12, true).len(), 1, "after a gap");
    watch.vault(&all[0].deployment.header.vault);
    assert!(watch.take().is_some());
}

#[test]
fn an_error_that_ends_by_itself_is_looked_at_until_it_has() {
    use deployments_domain::status::Reason;
    let failed = |reason: Reason| {
        snapshot(Strategy::Simple, Status::Error).with(|header| {
            (header.owed, header.reason) = (2, reason as u8);
        })
    };
    let waits = |reason| waits(&failed(reason), 8);
    for reason in [Reason::PriceAboveCap, Reason::MarketUnusable] {
        let mut dear = failed(reason);
        dear.market = deployments_domain::lifecycle::Market::Unusable;
        assert_eq!(
            self::waits(&dear, 8),
            [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]
        );
        let mut watch = TaskQueue::default();
        let found = vec![dear.deployment];
        assert_eq!(watch.scanned(found, 20, false).len(), 1, "{reason:?}");
    }
    assert_eq!(waits(Reason::RapidCompletion), [0; 0]);
}

#[test]
fn what_a_keeper_leaves_undone_is_looked_at_again() {
    let all = [running(1)];
    let mut watch = watching(&all);
    let mut look = all[0].clone();
    watch.take().unwrap();
    watch.left_undone(&look, 10);
    assert_eq!(watch.timers.first().map(|(at, _)| *at), Some(NOON + 300));
    // A deadline that comes sooner counts.
    let deadline = all[0].next_at().unwrap();
    look.now = deadline - 10;
    watch.look_at(look.deployment.address);
    watch.take().unwrap();
    watch.left_undone(&look, 11);
    assert_eq!(watch.timers.first().map(|(at, _)| *at), Some(deadline));
}
