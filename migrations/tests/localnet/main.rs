//! The steps on a localnet: the loader, the rent, the fees and the lookup tables are a cluster's own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod cluster;
mod refusals;

use cluster::{assert_lamports, World, SOL};
use nosana_deployments_migrations::{
    apply::{ApplyError, Landed},
    goal::Authority,
    plan::{Plan, State},
    programs::squads::vault_address,
    unsigned::{unsigned, UnsignedError},
};
use solana_signer::Signer;
use std::ops::ControlFlow;

/// Steps that are due, by number.
fn due(plan: &Plan) -> Vec<u16> {
    let due = plan.steps.iter();
    let due = due.filter(|planned| matches!(planned.state, State::Due(_)));
    due.map(|planned| planned.step.number).collect()
}

/// Whoever waits is the authority, whose key is elsewhere.
fn waiting_step(outcome: Result<Plan, ApplyError>) -> u16 {
    match outcome {
        Err(ApplyError::Waits { number, .. }) => number,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plan_says_is_what_happens_to_the_lamport_and_a_second_time_nothing_does() {
    let world = World::new().await;
    let plan = world.plan().await;
    assert_eq!(due(&plan), [1, 2, 3, 4, 5, 6]);
    assert!(plan.fees_lamports > 0);
    assert_eq!(plan.shortfall_lamports(), 0);

    // The last step is the new authority's to sign.
    let mut landed = 0;
    let mut count = |_: &Landed<'_>| {
        landed += 1;
        ControlFlow::Continue(())
    };
    assert_eq!(waiting_step(world.apply_until(&mut count).await), 6);
    let own = plan
        .steps
        .iter()
        .filter_map(|planned| match &planned.state {
            State::Due(rounds) if planned.step.number < 6 => Some(rounds.iter().flatten().count()),
            _ => None,
        });
    assert_eq!(landed, own.sum::<usize>(), "each transaction once");
    let rest = world.plan().await;
    for printed in unsigned(&rest, Default::default()).unwrap() {
        world.sign_elsewhere(&printed).await;
    }
    let made = world.plan().await;
    assert_eq!(due(&made), [0; 0]);
    // The authority paid the fee of what it sent itself.
    let signature = 5_000;
    world.give(
        &world.authority.pubkey(),
        u64::try_from(world.lamports(&world.authority.pubkey()).await).unwrap() + signature,
    );
    assert_lamports(&world, &plan, &made).await;

    let before = world.lamports(&world.goal.deployer).await;
    let mut nothing = |landed: &Landed<'_>| panic!("{landed:?}");
    let again = world.apply_until(&mut nothing).await;
    assert_eq!(due(&again.unwrap()), [0; 0]);
    assert_eq!(world.lamports(&world.goal.deployer).await, before);
    let nothing = unsigned(&world.plan().await, Default::default());
    assert_eq!(nothing.unwrap_err(), UnsignedError::AllDone);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stops_after_any_transaction_can_go_on_and_pays_no_rent_twice() {
    let world = World::new().await;
    let plan = world.plan().await;
    let mut stops = Vec::new();
    loop {
        // Writes are many and alike: every twentieth of them is enough.
        let mut seen = 0;
        let mut stop = |landed: &Landed<'_>| {
            seen += 1;
            match landed.left == 0 || seen == 20 {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        match world.apply_until(&mut stop).await {
            Err(ApplyError::Stopped) => stops.push(due(&world.plan().await)),
            outcome => break assert_eq!(waiting_step(outcome), 6),
        }
    }
    assert!(stops.len() > 10, "{stops:?}");
    for step in 1..6 {
        let first = |due: &&Vec<u16>| due.first() == Some(&step);
        assert!(
            stops.iter().any(|due| first(&due)),
            "within {step}: {stops:?}"
        );
    }
    let (deployer, planned) = (world.goal.deployer, &plan.after);
    let more = planned.lamports(&deployer) - world.lamports(&deployer).await;
    // What was under way when it was stopped may have landed, and was then sent again.
    let most = i128::from(plan.fees_lamports);
    assert!(
        (0..=most).contains(&more),
        "{more} lamports more than planned"
    );
    for key in [
        world.goal.program,
        world.goal.program_data(),
        world.goal.buffer().0,
    ] {
        assert_eq!(world.lamports(&key).await, planned.lamports(&key), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_elsewhere_signs_what_is_printed_for_it() {
    let mut world = World::new().await;
    assert_eq!(waiting_step(world.apply().await), 6);
    // A longer program, and an IDL that grows by more than one instruction can add, then one that shrinks.
    for (version, idl_bytes) in [(3, 25_000), (2, 900)] {
        world.wish_for(version, idl_bytes);
        let plan = world.plan().await;
        let own_first = unsigned(&plan, Default::default()).unwrap_err();
        assert!(matches!(
            own_first,
            UnsignedError::OwnFirst { number: 1, .. }
        ));
        let mut waited = Vec::new();
        while let Err(ApplyError::Waits { number, signer, .. }) = world.apply().await {
            assert_eq!(signer, world.authority.pubkey());
            waited.push(number);
            for printed in unsigned(&world.plan().await, Default::default()).unwrap() {
                assert_eq!(printed.step.number, number);
                world.sign_elsewhere(&printed).await;
            }
        }
        assert_eq!(waited, [2, 3, 6], "{version}");
        let made = world.plan().await;
        assert_eq!(due(&made), [0; 0]);
        // What was uploaded is closed again, and its rent is the deployer's.
        let deployer = world.lamports(&world.goal.deployer).await;
        assert_eq!(deployer, plan.after.lamports(&world.goal.deployer));
        assert!(world.account(&world.goal.buffer().0).await.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_of_squads_holds_the_authority_once_its_multisig_is_there() {
    let mut world = World::new().await;
    let multisig = world.put_multisig();
    let vault = vault_address(&multisig, 1);
    world.goal.authority = Some(Authority::Squads { multisig, vault });
    assert_eq!(waiting_step(world.apply().await), 6);
    let printed = unsigned(&world.plan().await, Default::default()).unwrap();
    assert_eq!(printed[0].signer, vault);
}

#[tokio::test(flavor = "multi_thread")]
async fn lamports_that_somebody_sent_before_stop_nothing() {
    let world = World::new().await;
    let program_data = world.goal.program_data();
    let idl = world.goal.idl_of(&program_data).address();
    for key in [world.goal.buffer().0, world.goal.program, idl] {
        world.give(&key, 1_000_000);
    }
    let plan = world.plan().await;
    assert_eq!(waiting_step(world.apply().await), 6);
    let deployer = world.goal.deployer;
    assert_eq!(
        world.lamports(&deployer).await,
        plan.after.lamports(&deployer)
    );
    assert!(world.lamports(&deployer).await < i128::from(100 * SOL));
}
