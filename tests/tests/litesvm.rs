//! LiteSVM runs the programs as a bank does, so what the fuzzer and the compute tables find on it holds.

#![allow(clippy::unwrap_used, missing_docs)]

use deployments_domain::settings::Strategy;
use deployments_tests::{Bank, Chain, Failure, World, COST, NOW};
use solana_program_test::ProgramTestContext;

/// A deployment's life from `create` to STOPPED: every outcome, and what the vault then holds.
async fn life<B: Bank>() -> (Vec<Option<Failure>>, (u64, u64)) {
    let mut world = World::<B>::on_a_bank().await;
    let key = world.started(Strategy::Simple, 2, 2).await;
    let node = world.nodes[0].clone();
    let mut outcomes = vec![world.settle(&key, &[0]).await.err()];
    outcomes.push(world.list(&key, 2).await.err());
    outcomes.push(world.list(&key, 1).await.err());
    for index in [0, 1] {
        let job = world.job(&key, index);
        let run = node.work(&mut world).await.unwrap();
        world.set_time(NOW + 600).await;
        outcomes.push(node.finish(&mut world, job, run).await.err());
    }
    outcomes.push(world.settle(&key, &[0, 1]).await.err());
    outcomes.push(world.settle(&key, &[0, 1]).await.err());
    (outcomes, world.vault_funds().await)
}

#[tokio::test]
async fn a_life_goes_the_same_way_on_both() {
    let on_litesvm = life::<Chain>().await;
    assert_eq!(on_litesvm, life::<ProgramTestContext>().await);
    let (outcomes, (nos, _)) = on_litesvm;
    let refused = outcomes.iter().filter(|failure| failure.is_some()).count();
    assert_eq!(refused, 3, "{outcomes:?}");
    assert!(nos > COST, "what the jobs did not use came back: {nos}");
}
