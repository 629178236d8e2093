use super::*;
use anchor_lang::Discriminator;
use bytemuck::Zeroable;
use deployments::state::Deployment;
use deployments_domain::{
    cron::Schedule,
    settings::{Overlap, Settings, Strategy},
    status::Status,
};

/// 2026-11-24 12:00 UTC.
pub(crate) const NOON: i64 = 1_795_521_600;

/// A deployment of two replicas for an hour each, at a price of 100, with NOS for three jobs.
pub(crate) fn snapshot(strategy: Strategy, status: Status) -> Snapshot {
    let mut header = Deployment::zeroed();
    header.version = Deployment::VERSION;
    header.strategy = strategy as u8;
    header.status = status as u8;
    header.overlap = Overlap::Allow as u8;
    header.replicas = 2;
    header.timeout_seconds = 3_600;
    header.max_price_per_second = u64::MAX;
    header.revision = 1;
    header.next_due_at = i64::MAX;
    if strategy == Strategy::Scheduled {
        header.set_settings(&Settings {
            schedule: Some(Schedule::parse("0 0 * * *").unwrap()),
            ..header.settings().unwrap()
        });
        header.next_due_at = NOON + 43_200;
    }
    if strategy == Strategy::Infinite {
        header.rotation_seconds = 1_200;
    }
    Snapshot {
        deployment: account(Pubkey::new_from_array([1; 32]), &header, &[]),
        market: Market::Open {
            price_per_second: 100,
            nodes_waiting: 0,
            queue_room: 315,
        },
        market_nos: Some(u64::MAX),
        funds: Funds {
            nos: 3 * 360_000,
            lamports: 1_000_000_000,
        },
        rents: Rents::DEFAULT,
        jobs: Vec::new(),
        now: NOON,
    }
}

/// The account with this header and these slots in use.
fn account(address: Pubkey, header: &Deployment, slots: &[ActiveJob]) -> DeploymentAccount {
    let mut data = Deployment::DISCRIMINATOR.to_vec();
    data.extend_from_slice(bytemuck::bytes_of(header));
    for slot in slots {
        data.extend_from_slice(bytemuck::bytes_of(slot));
    }
    data.resize(Deployment::space(6), 0);
    DeploymentAccount::decode(address, &crate::PROGRAM_ID, &data).unwrap()
}

impl Snapshot {
    /// The same with other settings.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Deployment)) -> Self {
        let mut header = self.deployment.header;
        change(&mut header);
        self.deployment = account(self.deployment.address, &header, &self.deployment.jobs);
        self
    }

    /// The same with one more active job, listed half an hour ago or when it started, if earlier.
    pub(crate) fn and_job(mut self, state: JobState, started_at: Option<i64>) -> Self {
        let mut slot = ActiveJob::zeroed();
        slot.index = u64::try_from(self.jobs.len()).unwrap();
        slot.listed_at = (self.now - 1_800).min(started_at.unwrap_or(self.now));
        slot.revision = 1;
        slot.timeout_seconds = 3_600;
        slot.waited_seconds = ActiveJob::NOT_RUNNING;
        let run = started_at.map(|started_at| Run {
            address: Pubkey::new_from_array([2; 32]),
            job: Pubkey::default(),
            node: Pubkey::new_from_array([3; 32]),
            payer: Pubkey::new_from_array([3; 32]),
            started_at,
        });
        self.jobs.push(ObservedJob {
            slot,
            state,
            run,
            queued: run.is_none(),
        });
        let mut header = self.deployment.header;
        header.active += 1;
        header.next_job_index += 1;
        let slots: Vec<ActiveJob> = self.jobs.iter().map(|job| job.slot).collect();
        self.deployment = account(self.deployment.address, &header, &slots);
        self
    }
}

const DEPOSIT: Deposit = Deposit {
    price_per_second: 100,
    timeout_seconds: 3_600,
    authority: Pubkey::new_from_array([0; 32]), // the vault of these snapshots
};
pub(crate) const OPEN: JobState = JobState::Open(DEPOSIT);
const DONE: JobState = JobState::Done {
    started_at: NOON - 1_000,
    ended_at: NOON - 10,
};

fn said(snapshot: &Snapshot) -> Vec<String> {
    snapshot.due().iter().map(Action::to_string).collect()
}

#[test]
fn what_is_owed_is_listed_and_a_shortage_is_recorded_once() {
    let owing = snapshot(Strategy::Simple, Status::Starting).with(|header| header.owed = 2);
    assert_eq!(said(&owing), ["list 2 jobs"]);
    let mut poor = owing.clone();
    poor.funds.nos = 359_999;
    assert_eq!(said(&poor), ["record INSUFFICIENT_FUNDS"]);
    let poor = poor.with(|header| header.status = Status::InsufficientFunds as u8);
    assert!(said(&poor).is_empty());
    let dear = owing
        .clone()
        .with(|header| header.max_price_per_second = 99);
    assert_eq!(said(&dear), ["record ERROR (PRICE_ABOVE_CAP)"]);
    let mut gone = owing;
    gone.market = Market::Unusable;
    assert_eq!(said(&gone), ["record ERROR (MARKET_UNUSABLE)"]);
}

#[test]
fn ended_jobs_are_settled_and_running_ones_noted_prolonged_and_stopped_when_it_is_time() {
    let running = snapshot(Strategy::SimpleExtend, Status::Running)
        .with(|header| (header.auto_extend, header.replicas) = (1, 3))
        .and_job(DONE, None)
        .and_job(JobState::Gone, None)
        .and_job(OPEN, Some(NOON - 3_400));
    assert_eq!(said(&running), ["settle 2 jobs", "prolong 1 job"]);

    let stopping = snapshot(Strategy::Simple, Status::Stopping)
        .and_job(OPEN, None)
        .and_job(OPEN, Some(NOON - 60));
    assert_eq!(
        said(&stopping),
        ["stop 2 jobs (the deployment is STOPPING)"]
    );

    let overdue = snapshot(Strategy::Simple, Status::Running).and_job(OPEN, Some(NOON - 3_601));
    assert_eq!(said(&overdue), ["stop 1 job (past the deadline)"]);

    let infinite = snapshot(Strategy::Infinite, Status::Running)
        .and_job(OPEN, Some(NOON - 60))
        .and_job(OPEN, None)
        .and_job(OPEN, None);
    assert_eq!(said(&infinite), ["note the start of 1 job"]);
    let mut shown = infinite;
    for job in &mut shown.jobs {
        if let Some(run) = job.run {
            job.slot.note_start(run.started_at);
        }
    }
    assert_eq!(said(&shown), ["stop 1 job (more than replicas)"]);
}

#[test]
fn without_its_market_only_jobs_that_are_over_are_settled() {
    let mut stranded = snapshot(Strategy::Simple, Status::Stopping)
        .and_job(JobState::Quit(DEPOSIT), None)
        .and_job(OPEN, None)
        .and_job(DONE, None);
    (stranded.market, stranded.market_nos) = (Market::Unusable, None);
    assert_eq!(stranded.due(), [Action::Settle(vec![2])]);
    stranded.market_nos = Some(359_999);
    assert_eq!(
        stranded.due(),
        [Action::Settle(vec![2])],
        "its vault is short"
    );
    stranded.market_nos = Some(360_000);
    let due = stranded.due();
    assert_eq!(
        due[0],
        Action::Settle(vec![0, 2]),
        "a market that takes no jobs gives deposits back"
    );
    assert_eq!(due[1].kind(), "stop");
}

#[test]
fn the_next_time_is_the_first_at_which_something_can_become_due() {
    let quiet = snapshot(Strategy::Simple, Status::Stopped);
    assert_eq!(quiet.next_at(), None);
    let scheduled = snapshot(Strategy::Scheduled, Status::Running);
    assert_eq!(scheduled.next_at(), Some(NOON + 43_200));
    let held_back = snapshot(Strategy::Infinite, Status::Running)
        .with(|header| header.backoff_until = NOON + 60);
    assert_eq!(held_back.next_at(), Some(NOON + 60));
    let job = snapshot(Strategy::Simple, Status::Running).and_job(OPEN, Some(NOON));
    assert_eq!(job.next_at(), Some(NOON + 3_601), "past its deadline");
    // Timeouts of 600 s are prolonged 60 s before their end, no sooner.
    let short = snapshot(Strategy::SimpleExtend, Status::Running)
        .with(|header| (header.timeout_seconds, header.auto_extend) = (600, 1))
        .and_job(OPEN, Some(NOON));
    assert_eq!(short.next_at(), Some(NOON + 3_540));
    let late = snapshot(Strategy::Simple, Status::Running).and_job(OPEN, Some(NOON - 3_400));
    assert_eq!(late.next_at(), Some(NOON + 201), "past its deadline");
}

#[test]
fn every_action_has_its_instruction() {
    let keeper = Pubkey::new_from_array([9; 32]);
    let busy = snapshot(Strategy::Infinite, Status::Stopping)
        .and_job(DONE, None)
        .and_job(OPEN, Some(NOON - 60));
    for action in busy.due() {
        let instruction = action.instruction(&keeper, &busy);
        assert_eq!(instruction.program_id, crate::PROGRAM_ID, "{action}");
        assert!(instruction.accounts[0].is_signer && instruction.accounts[0].pubkey == keeper);
    }
}

#[test]
fn an_action_is_split_into_parts_that_keep_its_order() {
    let settle = Action::Settle(vec![7, 8, 9]);
    assert_eq!(settle.jobs(), 3);
    assert_eq!(settle.first(2), Action::Settle(vec![7, 8]));
    assert_eq!(settle.first(9), settle);
    assert_eq!(settle.after(2), Some(Action::Settle(vec![9])));
    assert_eq!(settle.after(3), None);
    assert_eq!(Action::List(12).first(5), Action::List(5));
    assert_eq!(
        Action::List(12).after(5),
        None,
        "addresses follow from what is listed"
    );
    assert_eq!(Action::RecordShortage.first(1), Action::RecordShortage);
}

#[test]
fn every_action_has_a_reason_and_the_time_since_when_it_is_due_where_it_can_be_known() {
    let why = |snapshot: &Snapshot| {
        let actions = snapshot.due();
        let why = actions.iter().map(|action| snapshot.why(action));
        why.collect::<Vec<_>>()
    };
    let mut fired = snapshot(Strategy::Scheduled, Status::Running);
    fired.now = NOON + 43_260;
    assert_eq!(why(&fired), [("its schedule fired", Some(NOON + 43_200))]);
    let ended = snapshot(Strategy::Simple, Status::Running)
        .and_job(DONE, None)
        .and_job(OPEN, Some(NOON - 3_700));
    assert_eq!(
        why(&ended),
        [
            ("ended", Some(NOON - 10)),
            ("past the deadline", Some(NOON - 99))
        ]
    );
    let since = |at: i64| move |header: &mut Deployment| header.status_changed_at = at;
    let mut started = snapshot(Strategy::Simple, Status::Starting)
        .with(|header| header.owed = 2)
        .with(since(NOON - 7));
    let round = "its round is not all listed";
    assert_eq!(why(&started), [(round, Some(NOON - 7))]);
    started.funds.nos = 0;
    let short = "its vault cannot pay for a job";
    assert_eq!(why(&started), [(short, Some(NOON - 7))]);
    let going_on = snapshot(Strategy::Simple, Status::Running).with(|header| header.owed = 2);
    assert_eq!(why(&going_on), [(round, None)], "whenever it began");
    let stopping = snapshot(Strategy::Simple, Status::Stopping)
        .and_job(OPEN, Some(NOON - 60))
        .with(since(NOON - 5));
    let because = "the deployment is STOPPING";
    assert_eq!(why(&stopping), [(because, Some(NOON - 5))]);
    let taken = snapshot(Strategy::Infinite, Status::Running)
        .with(|header| header.replicas = 1)
        .and_job(OPEN, Some(NOON - 60));
    assert_eq!(why(&taken), [("a node has taken it", Some(NOON - 60))]);
    // The wait after rapid ends counts while it holds something back, not long after.
    let replaced = |held: u32| {
        let fewer = snapshot(Strategy::Infinite, Status::Running);
        why(&fewer.with(|header| (header.held, header.backoff_until) = (held, NOON - 30)))
    };
    let fewer = "fewer jobs than replicas serve";
    assert_eq!(replaced(1), [(fewer, Some(NOON - 30))]);
    assert_eq!(replaced(0), [(fewer, None)]);
}

proptest::proptest! {
    /// The clock alone makes nothing due before the time that the plan names.
    #[test]
    fn nothing_becomes_due_before_the_next_time(
        strategy in 0_usize..4,
        ages in proptest::collection::vec((0_i64..4_000, proptest::bool::ANY), 0..4),
        (timeout, rotation) in (60_u32..4_000, 0_u32..3_000),
        (backoff, auto_extend) in (-100_i64..4_000, 0_u8..2),
        share in 0.0_f64..1.0,
    ) {
        let strategies = [
            Strategy::Simple,
            Strategy::SimpleExtend,
            Strategy::Scheduled,
            Strategy::Infinite,
        ];
        let mut world = snapshot(strategies[strategy], Status::Running).with(|header| {
            header.timeout_seconds = timeout;
            header.auto_extend = auto_extend;
            if strategy == 3 {
                (header.rotation_seconds, header.backoff_until) = (rotation, NOON + backoff);
            }
        });
        for (age, is_running) in ages {
            world = world.and_job(OPEN, is_running.then_some(NOON - age));
        }
        let due = world.due();
        let horizon = world.next_at().unwrap_or(NOON + 100_000);
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        let later = NOON + ((horizon - 1 - NOON) as f64 * share) as i64;
        for at in [later, horizon - 1] {
            world.now = at;
            proptest::prop_assert_eq!(&world.due(), &due, "at {}", at - NOON);
        }
    }
}
