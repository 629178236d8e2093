//! Every status against every instruction, on real bytecode: what the domain's status machine
//! allows goes through and leads where it says; the rest is refused by its code and changes nothing.

use crate::failure;
use deployments::{
    errors::DeployError,
    instructions::{Amount, UpdateArgs},
    settings::SettingsArgs,
};
use deployments_domain::{
    settings::Strategy,
    status::{transition, Event, Next, Status},
};
use deployments_tests::*;
use nosana_deploy_client::instructions::{self as ix, JobRun};
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_signer::Signer;

/// A deployment of one replica brought into a status, with or without an active job, by
/// instructions alone. `None` if the status excludes it.
async fn reach(world: &mut World, status: Status, active: bool) -> Option<Pubkey> {
    reach_with(world, Strategy::SimpleExtend, status, active).await
}

/// As [`reach`], with any strategy. SCHEDULED moves the clock to the next firing.
pub(crate) async fn reach_with(
    world: &mut World,
    strategy: Strategy,
    status: Status,
    active: bool,
) -> Option<Pubkey> {
    let mut spec = world.spec(strategy, 2);
    spec.settings.max_price_per_second = PRICE;
    let key = world.create(&spec).await;
    if status == Status::Draft {
        return (!active).then_some(key);
    }
    world.steer(ix::start, &key).await.unwrap();
    if strategy == Strategy::Scheduled {
        let firing = world.deployment(&key).await.header.next_due_at;
        world.set_time(firing).await;
    }
    world.fund(COST, SOL).await;
    if active {
        world.list(&key, 1).await.unwrap();
    } else {
        world.withdraw(Amount::All, Amount::All).await.unwrap();
    }
    match (status, active) {
        (Status::Starting, false) | (Status::Running, true) => {}
        (Status::InsufficientFunds, _) => {
            world.list(&key, 1).await.unwrap();
        }
        (Status::Error, _) => fail(world, &key).await,
        // Started again from INSUFFICIENT_FUNDS: the job of before is still active.
        (Status::Starting, true) => {
            world.list(&key, 1).await.unwrap();
            world.steer(ix::start, &key).await.unwrap();
        }
        (Status::Stopping, true) | (Status::Stopped, false) => {
            world.steer(ix::stop, &key).await.unwrap();
        }
        (Status::Archived, false) => {
            world.steer(ix::stop, &key).await.unwrap();
            world.steer(ix::archive, &key).await.unwrap();
        }
        _ => return None,
    }
    assert_eq!(world.status(&key).await, status);
    Some(key)
}

/// Lets the price rise above the cap for one call.
async fn fail(world: &mut World, key: &Pubkey) {
    let market = world.market_state().await;
    let mut dear = market.clone();
    dear.job_price += 1;
    world.set_market(&dear);
    world.list(key, 1).await.unwrap();
    let cheap = nosana_jobs_localnet::state::MarketAccount {
        job_price: PRICE,
        ..dear
    };
    world.set_market(&cheap);
}

/// A builder of an owner's instruction.
type Build = fn(&Pubkey, &Pubkey) -> Instruction;

/// The statuses that exist with and without active jobs.
pub(crate) const STATES: [(Status, bool); 11] = [
    (Status::Draft, false),
    (Status::Starting, false),
    (Status::Starting, true),
    (Status::Running, true),
    (Status::Stopping, true),
    (Status::Stopped, false),
    (Status::Archived, false),
    (Status::Error, false),
    (Status::Error, true),
    (Status::InsufficientFunds, false),
    (Status::InsufficientFunds, true),
];

#[tokio::test]
async fn owners_may_do_what_the_status_machine_allows_and_nothing_else() {
    let mut world = World::in_program_test().await;
    let (mut allowed, mut refused) = (0, 0);
    for (status, active) in STATES {
        let stop = Event::Stop {
            jobs_active: active,
        };
        let events: [(Build, Event); 8] = [
            (|owner, key| ix::extend(owner, key, 1), Event::Extend),
            (
                |owner, key| {
                    let name = Some("renamed".into());
                    let args = UpdateArgs {
                        name,
                        ..UpdateArgs::default()
                    };
                    ix::update(owner, key, args)
                },
                Event::Update,
            ),
            (ix::start, Event::Start),
            (ix::stop, stop),
            (
                ix::archive,
                Event::Archive {
                    jobs_active: active,
                },
            ),
            (ix::close, Event::Close),
            (ix::drain, stop),
            (|owner, key| ix::restart(owner, key, None), Event::Restart),
        ];
        for (instruction, event) in events {
            let key = reach(&mut world, status, active).await.unwrap();
            let before = world.account(&key).await.unwrap();
            let outcome = world.steer(instruction, &key).await;
            let after = world.account(&key).await;
            match transition(status, event) {
                // There is none to restart.
                Ok(_) if event == Event::Restart && !active => {
                    let nothing = crate::refused(DeployError::NothingWouldChange);
                    assert_eq!(failure(outcome), nothing, "{status}");
                    refused += 1;
                }
                Ok(Next::Closed) => {
                    outcome.unwrap();
                    assert_eq!(after, None, "{status} {event:?}");
                    allowed += 1;
                }
                Ok(Next::Status(next)) => {
                    outcome.unwrap();
                    assert_eq!(world.status(&key).await, next, "{status} {event:?}");
                    allowed += 1;
                }
                Err(reason) => {
                    let error = DeployError::from(reason);
                    assert_eq!(
                        failure(outcome),
                        crate::refused(error),
                        "{status} {event:?}"
                    );
                    assert_eq!(after, Some(before), "{status} {event:?}");
                    refused += 1;
                }
            }
        }
    }
    println!("owner edges: {allowed} allowed, {refused} refused");
    assert_eq!(allowed + refused, STATES.len() * 8);
}

#[tokio::test]
async fn keepers_list_only_where_jobs_are_due() {
    let mut world = World::in_program_test().await;
    for (status, active) in STATES {
        let key = reach(&mut world, status, active).await.unwrap();
        world.fund(2 * COST, SOL).await;
        let outcome = world.list(&key, 2).await;
        // The price was above the cap, and is not any more.
        if status.lists_jobs() || status == Status::Error {
            outcome.unwrap();
            assert_eq!(world.status(&key).await, Status::Running, "{status}");
            assert_eq!(world.deployment(&key).await.jobs.len(), 2, "{status}");
        } else {
            let error = match status {
                Status::Archived => DeployError::Archived,
                _ => DeployError::NothingDue,
            };
            assert_eq!(failure(outcome), crate::refused(error), "{status}");
        }
    }
}

#[tokio::test]
async fn keepers_record_a_shortage_only_where_jobs_are_due_and_only_once() {
    let mut world = World::in_program_test().await;
    for (status, active) in STATES {
        let key = reach(&mut world, status, active).await.unwrap();
        let outcome = world.list(&key, 2).await;
        match status {
            Status::Starting | Status::Running | Status::Error => {
                outcome.unwrap();
                assert_eq!(
                    world.status(&key).await,
                    Status::InsufficientFunds,
                    "{status}"
                );
            }
            Status::Archived => assert_eq!(failure(outcome), crate::refused(DeployError::Archived)),
            _ => {
                assert_eq!(
                    failure(outcome),
                    crate::refused(DeployError::NothingDue),
                    "{status}"
                );
                assert_eq!(world.status(&key).await, status);
            }
        }
    }
}

#[tokio::test]
async fn keepers_record_a_price_above_the_cap_only_where_jobs_are_due() {
    let mut world = World::in_program_test().await;
    for (status, active) in STATES {
        let key = reach(&mut world, status, active).await.unwrap();
        let mut dear = world.market_state().await;
        dear.job_price = PRICE + 1;
        world.set_market(&dear);
        let outcome = world.list(&key, 2).await;
        match status {
            _ if status.lists_jobs() => {
                outcome.unwrap();
                assert_eq!(world.status(&key).await, Status::Error, "{status}");
            }
            Status::Archived => assert_eq!(failure(outcome), crate::refused(DeployError::Archived)),
            _ => assert_eq!(
                failure(outcome),
                crate::refused(DeployError::NothingDue),
                "{status}"
            ),
        }
        dear.job_price = PRICE;
        world.set_market(&dear);
    }
}

#[tokio::test]
async fn jobs_settle_in_every_status_and_the_last_one_ends_stopping() {
    let mut world = World::in_program_test().await;
    for (status, active) in STATES {
        let key = reach(&mut world, status, active).await.unwrap();
        if !active {
            let error = match status {
                Status::Archived => DeployError::Archived,
                _ => DeployError::NothingDue,
            };
            assert_eq!(
                failure(world.settle(&key, &[0]).await),
                crate::refused(error),
                "{status}"
            );
            continue;
        }
        // Clear the queue of the other deployments' jobs, so that the node takes this one.
        let job = world.job(&key, 0);
        let mut market = world.market_state().await;
        market.queue = vec![job];
        world.set_market(&market);
        assert_eq!(
            failure(world.settle(&key, &[0]).await),
            crate::refused(DeployError::NothingDue)
        );
        world.run_next_job(0, job, NOW, 60).await;
        world.settle(&key, &[0]).await.unwrap();
        let next = match status {
            Status::Stopping => Status::Stopped,
            other => other, // a replica is still owed
        };
        assert_eq!(world.status(&key).await, next, "{status}");
    }
}

#[tokio::test]
async fn only_a_stopping_deployment_gives_queued_jobs_up() {
    let mut world = World::in_program_test().await;
    for (status, active) in STATES {
        let key = reach(&mut world, status, active).await.unwrap();
        let outcome = world
            .stop_jobs(
                &key,
                &[JobRun {
                    index: 0,
                    run: None,
                }],
            )
            .await;
        match status {
            Status::Stopping => {
                outcome.unwrap();
                assert_eq!(world.status(&key).await, Status::Stopped);
            }
            Status::Archived => assert_eq!(failure(outcome), crate::refused(DeployError::Archived)),
            _ => assert_eq!(
                failure(outcome),
                crate::refused(DeployError::NothingDue),
                "{status}"
            ),
        }
    }
}

/// With two replicas wanted and one active, one replica is enough: nothing is missing any more.
#[tokio::test]
async fn scaling_down_to_what_is_active_ends_waiting() {
    let mut world = World::in_program_test().await;
    for (status, active) in STATES {
        let key = reach(&mut world, status, active).await.unwrap();
        let args = UpdateArgs::from(SettingsArgs {
            replicas: Some(1),
            ..SettingsArgs::default()
        });
        let owner = world.owner.pubkey();
        let outcome = world.by_owner(&[ix::update(&owner, &key, args)]).await;
        if status == Status::Archived {
            assert_eq!(failure(outcome), crate::refused(DeployError::Archived));
            continue;
        }
        outcome.unwrap();
        let next = match transition(status, Event::Satisfied) {
            Ok(Next::Status(next)) if active => next,
            _ => status,
        };
        assert_eq!(world.status(&key).await, next, "{status} {active}");
    }
}

#[tokio::test]
async fn the_last_job_ends_the_round_in_every_status_where_nothing_more_is_wanted() {
    let mut world = World::in_program_test().await;
    for (status, active) in STATES {
        if !active {
            continue;
        }
        let key = reach(&mut world, status, active).await.unwrap();
        let args = UpdateArgs::from(SettingsArgs {
            replicas: Some(1),
            ..SettingsArgs::default()
        });
        let owner = world.owner.pubkey();
        world
            .by_owner(&[ix::update(&owner, &key, args)])
            .await
            .unwrap();
        let before = world.status(&key).await;
        let job = world.job(&key, 0);
        let mut market = world.market_state().await;
        market.queue = vec![job];
        world.set_market(&market);
        world.run_next_job(0, job, NOW, 60).await;
        world.settle(&key, &[0]).await.unwrap();
        let next = match transition(before, Event::Drained) {
            Ok(Next::Status(next)) => next,
            _ => before,
        };
        assert_eq!(world.status(&key).await, next, "{status}");
        world.withdraw(Amount::All, Amount::All).await.unwrap();
    }
}

#[tokio::test]
async fn an_archived_deployment_refuses_everything_but_close() {
    let mut world = World::in_program_test().await;
    let key = reach(&mut world, Status::Archived, false).await.unwrap();
    world.fund(COST, SOL).await;
    let archived = crate::refused::<()>(DeployError::Archived);
    for instruction in [ix::start, ix::stop, ix::archive] {
        assert_eq!(failure(world.steer(instruction, &key).await), archived);
    }
    assert_eq!(failure(world.list(&key, 1).await), archived);
    assert_eq!(failure(world.settle(&key, &[0]).await), archived);
    let job = JobRun {
        index: 0,
        run: None,
    };
    assert_eq!(failure(world.stop_jobs(&key, &[job]).await), archived);
    world.steer(ix::close, &key).await.unwrap();
    assert_eq!(
        failure(world.steer(ix::start, &key).await),
        Err(Failure::Code(3007)),
        "no account of ours"
    );
}
