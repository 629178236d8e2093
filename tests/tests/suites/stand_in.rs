//! The stand-in refuses what the real markets' program was seen to refuse, by the same codes; and
//! what our program knows of the markets is what the stand-in says.

use crate::failure;
use deployments_domain::settings::Strategy;
use deployments_tests::*;
use nosana_deploy_client::{
    instructions::{create_nos_account, market_vault_address, nos_account_address, Amount},
    jobs_program::{
        account::{Market, MARKET_SIZE, QUEUE_CAPACITY, QUEUE_EMPTY, QUEUE_OF_JOBS},
        instruction as ix,
        node::Assignment,
    },
};
use solana_keypair::Keypair;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_signer::Signer;

/// Lists a job straight from the owner's wallet, as users do without our program.
async fn list_directly(world: &mut World, timeout: i64) -> Result<Pubkey, Failure> {
    let (job, run, owner) = (Keypair::new(), Keypair::new(), world.owner.insecure_clone());
    let list = ix::List {
        job: &job.pubkey(),
        market: &world.market,
        run: &run.pubkey(),
        user: &owner_nos(world),
        vault: &market_vault_address(&world.market),
        payer: &owner.pubkey(),
        authority: &owner.pubkey(),
    };
    let list = list.instruction(&[7; 32], timeout);
    world.send(&[list], &[&owner, &job, &run]).await?;
    Ok(job.pubkey())
}

fn owner_nos(world: &World) -> Pubkey {
    nos_account_address(&world.owner.pubkey())
}

fn delist(world: &World, job: Pubkey, authority: &Pubkey) -> Instruction {
    let delist = ix::Delist {
        job: &job,
        market: &world.market,
        deposit: &owner_nos(world),
        payer: &world.owner.pubkey(),
        vault: &market_vault_address(&world.market),
        authority,
    };
    delist.instruction()
}

fn extend(world: &World, job: Pubkey, timeout: i64) -> Instruction {
    let extend = ix::Extend {
        job: &job,
        market: &world.market,
        user: &owner_nos(world),
        vault: &market_vault_address(&world.market),
        authority: &world.owner.pubkey(),
        payer: &world.owner.pubkey(),
    };
    extend.instruction(timeout)
}

fn recover(world: &World, job: Pubkey) -> Instruction {
    let recover = ix::Recover {
        job: &job,
        market: &world.market,
        vault: &market_vault_address(&world.market),
        user: &owner_nos(world),
        payer: &world.owner.pubkey(),
        authority: &world.owner.pubkey(),
    };
    recover.instruction()
}

/// What a node knows of a job that the owner listed directly.
fn assignment(world: &World, node: &Node, job: Pubkey, run: Pubkey) -> Assignment {
    Assignment {
        job,
        job_payer: world.owner.pubkey(),
        run,
        run_payer: node.wallet.pubkey(),
        market: world.market,
    }
}

fn finish(
    world: &World,
    node: &Node,
    job: Pubkey,
    run: Pubkey,
    ipfs_result: [u8; 32],
) -> Instruction {
    let assignment = assignment(world, node, job, run);
    node.actor().finish(&assignment, &ipfs_result)
}

fn coded(code: u32) -> Result<(), Failure> {
    Err(Failure::Code(code))
}

#[tokio::test]
async fn a_queued_job_is_refused_what_the_real_program_refuses() {
    let mut world = World::in_program_test().await;
    let before = world.nos(&owner_nos(&world)).await;
    let job = list_directly(&mut world, 100).await.unwrap();
    let keeper = world.keeper.pubkey();
    let by_stranger = delist(&world, job, &keeper);
    assert_eq!(
        failure(world.by_keeper(by_stranger).await),
        coded(6000),
        "delist by a stranger"
    );
    for timeout in [100, 99] {
        let instruction = extend(&world, job, timeout);
        assert_eq!(
            failure(world.by_owner(&[instruction]).await),
            coded(6008),
            "extend not greater"
        );
    }
    let instruction = recover(&world, job);
    assert_eq!(
        failure(world.by_owner(&[instruction]).await),
        coded(6004),
        "recover of a queued job"
    );
    let instruction = extend(&world, job, 150);
    world.by_owner(&[instruction]).await.unwrap();
    let nos = owner_nos(&world);
    assert_eq!(world.nos(&nos).await, before - 150 * PRICE);
    let instruction = delist(&world, job, &world.owner.pubkey());
    world
        .by_owner(std::slice::from_ref(&instruction))
        .await
        .unwrap();
    assert_eq!(world.nos(&nos).await, before, "the whole deposit came back");
    assert_eq!(
        failure(world.by_owner(&[instruction]).await),
        coded(3012),
        "a closed job"
    );
}

#[tokio::test]
async fn a_running_job_is_refused_what_the_real_program_refuses() {
    let mut world = World::in_program_test().await;
    let job = list_directly(&mut world, 100).await.unwrap();
    let node = world.nodes[0].clone();
    let run = node.work(&mut world).await.unwrap();
    let instruction = delist(&world, job, &world.owner.pubkey());
    assert_eq!(
        failure(world.by_owner(&[instruction]).await),
        coded(6001),
        "delist while running"
    );
    let wallet = node.wallet.insecure_clone();
    let null = finish(&world, &node, job, run, [0; 32]);
    assert_eq!(
        failure(world.send(&[null], &[&wallet]).await),
        coded(6006),
        "a null result"
    );
    let done = finish(&world, &node, job, run, [1; 32]);
    world
        .send(std::slice::from_ref(&done), &[&wallet])
        .await
        .unwrap();
    assert_eq!(
        failure(world.send(&[done], &[&wallet]).await),
        coded(3012),
        "a closed run"
    );
    let complete = node.actor().complete(&job, &[2; 32]);
    assert_eq!(
        failure(world.send(&[complete], &[&wallet]).await),
        coded(6010),
        "results already set"
    );
}

#[tokio::test]
async fn a_quit_job_is_only_recovered() {
    let mut world = World::in_program_test().await;
    let job = list_directly(&mut world, 100).await.unwrap();
    let node = world.nodes[0].clone();
    let run = node.work(&mut world).await.unwrap();
    let wallet = node.wallet.insecure_clone();
    let quit = node.actor().quit(&assignment(&world, &node, job, run));
    world.send(&[quit], &[&wallet]).await.unwrap();
    for instruction in [
        extend(&world, job, 200),
        delist(&world, job, &world.owner.pubkey()),
    ] {
        assert_eq!(failure(world.by_owner(&[instruction]).await), coded(6004));
    }
    let instruction = recover(&world, job);
    world.by_owner(&[instruction]).await.unwrap();
    assert_eq!(world.account(&job).await, None);
}

#[tokio::test]
async fn a_second_finish_after_a_double_claim_pays_nothing() {
    let mut world = World::in_program_test().await;
    let job = list_directly(&mut world, 100).await.unwrap();
    let nodes = world.nodes.clone();
    let run = nodes[0].work(&mut world).await.unwrap();
    let wallet = nodes[0].wallet.insecure_clone();
    let quit = nodes[0]
        .actor()
        .quit(&assignment(&world, &nodes[0], job, run));
    world.send(&[quit], &[&wallet]).await.unwrap();
    let mut runs = Vec::new();
    for node in &nodes {
        runs.push(node.claim(&mut world, job).await.unwrap());
    }
    let first = finish(&world, &nodes[0], job, runs[0], [1; 32]);
    world.send(&[first], &[&nodes[0].wallet]).await.unwrap();
    let second = finish(&world, &nodes[1], job, runs[1], [2; 32]);
    let outcome = world.send(&[second], &[&nodes[1].wallet]).await;
    assert_eq!(
        failure(outcome),
        coded(1),
        "the token program's: the market's vault is empty"
    );
}

#[tokio::test]
async fn listing_knows_its_limits() {
    let mut world = World::in_program_test().await;
    list_directly(&mut world, 0).await.unwrap();
    for timeout in [-1, i64::MAX] {
        let outcome = list_directly(&mut world, timeout).await;
        assert!(
            matches!(outcome, Err(Failure::Crash(_))),
            "it aborts: {outcome:?}"
        );
    }
    let mut market = world.market_state().await;
    market.job_price = 0;
    world.set_market(&market);
    list_directly(&mut world, -1).await.unwrap();
    market.queue = vec![Pubkey::new_unique(); usize::try_from(QUEUE_CAPACITY).unwrap()];
    market.queue_type = QUEUE_OF_JOBS;
    world.set_market(&market);
    assert_eq!(
        list_directly(&mut world, 1).await,
        Err(Failure::Code(3004)),
        "a full queue"
    );
}

#[tokio::test]
async fn a_node_queues_once_and_leaves() {
    let mut world = World::in_program_test().await;
    let node = world.nodes[0].clone();
    node.work(&mut world).await.unwrap();
    assert_eq!(
        failure(node.work(&mut world).await),
        coded(6014),
        "queueing twice"
    );
    let stop = node.actor().leave(&world.market);
    world.send(&[stop], &[&node.wallet]).await.unwrap();
    assert_eq!(world.market_state().await.queue_type, QUEUE_EMPTY);
}

#[tokio::test]
async fn a_market_is_opened_changed_and_closed_by_its_authority() {
    let mut world = World::in_program_test().await;
    let (market, authority) = (Keypair::new(), world.authority.insecure_clone());
    let (key, vault) = (market.pubkey(), market_vault_address(&market.pubkey()));
    let mut terms = ix::MarketTerms {
        job_expiration_seconds: 60,
        price_per_second: 5,
        job_timeout_seconds: 600,
        job_type: 0,
        node_xnos_minimum: 0,
    };
    let open = ix::Open {
        market: &key,
        vault: &vault,
        authority: &authority.pubkey(),
        access_key: &Pubkey::default(),
    };
    world
        .send(&[open.instruction(&terms)], &[&authority, &market])
        .await
        .unwrap();
    let account = world.account(&key).await.unwrap();
    assert_eq!(account.data.len(), MARKET_SIZE);
    let opened = Market::read(&account.owner, &account.data)
        .unwrap()
        .unwrap();
    assert_eq!(opened.header.price_per_second(), 5);
    assert_eq!(opened.header.vault, vault);

    terms.price_per_second = 9;
    let update = |signer: &Keypair| {
        let update = ix::Update {
            market: &key,
            access_key: &Pubkey::default(),
            authority: &signer.pubkey(),
        };
        update.instruction(&terms)
    };
    let keeper = world.keeper.insecure_clone();
    let instruction = update(&keeper);
    assert_eq!(failure(world.by_keeper(instruction).await), coded(6000));
    let instruction = update(&authority);
    world.send(&[instruction], &[&authority]).await.unwrap();

    close(&mut world, &key).await;
    assert_eq!(world.account(&key).await, None);
}

/// The authority closes a market, and takes the deposits in it.
async fn close(world: &mut World, market: &Pubkey) {
    let authority = world.authority.insecure_clone();
    let user = create_nos_account(&authority.pubkey(), &authority.pubkey());
    let close = ix::Close {
        market,
        vault: &market_vault_address(market),
        user: &nos_account_address(&authority.pubkey()),
        authority: &authority.pubkey(),
    };
    world
        .send(&[user, close.instruction()], &[&authority])
        .await
        .unwrap();
}

#[tokio::test]
async fn the_market_closing_sweeps_deposits_but_traps_no_deployment() {
    // What the market's authority takes is lost by the market's rules; the rest must stay reachable.
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 2).await;
    world.list(&key, 1).await.unwrap();
    let market = world.market;
    close(&mut world, &market).await;
    let withdrawn = world.withdraw(Amount::All, Amount::All).await;
    assert!(withdrawn.is_ok());
    assert_eq!(world.vault_funds().await, (0, 0));
}

fn end(world: &World, node: &Node, job: Pubkey, run: Pubkey) -> Instruction {
    let end = ix::End {
        job: &job,
        market: &world.market,
        run: &run,
        deposit: &owner_nos(world),
        user: &node.nos(),
        vault: &market_vault_address(&world.market),
        payer: &node.wallet.pubkey(),
        authority: &world.owner.pubkey(),
    };
    end.instruction()
}

#[tokio::test]
async fn no_run_ends_before_it_began_and_no_result_is_nothing() {
    let mut world = World::in_program_test().await;
    let job = list_directly(&mut world, 100).await.unwrap();
    let node = world.nodes[0].clone();
    let run = node.work(&mut world).await.unwrap();
    world.set_time(NOW - 1).await;
    let by_node = finish(&world, &node, job, run, [1; 32]);
    let outcome = world.send(&[by_node], &[&node.wallet]).await;
    assert!(matches!(outcome, Err(Failure::Crash(_))), "{outcome:?}");
    let by_owner = end(&world, &node, job, run);
    let outcome = world.by_owner(std::slice::from_ref(&by_owner)).await;
    assert!(matches!(outcome, Err(Failure::Crash(_))), "{outcome:?}");
    world.set_time(NOW).await;
    world.by_owner(&[by_owner]).await.unwrap();
    for (result, outcome) in [
        ([0; 32], coded(6006)),
        ([1; 32], Ok(())),
        ([1; 32], coded(6010)),
    ] {
        let complete = node.actor().complete(&job, &result);
        let completed = world.send(&[complete], &[&node.wallet]).await;
        assert_eq!(completed.map(drop), outcome);
    }
}

#[tokio::test]
async fn a_job_that_was_quit_and_claimed_can_be_ended_whatever_its_state() {
    let mut world = World::in_program_test().await;
    let job = list_directly(&mut world, 100).await.unwrap();
    let node = world.nodes[0].clone();
    let run = node.work(&mut world).await.unwrap();
    let quit = node.actor().quit(&assignment(&world, &node, job, run));
    world.send(&[quit], &[&node.wallet]).await.unwrap();
    let claim = node.claim(&mut world, job).await.unwrap();
    let end = end(&world, &node, job, claim);
    world.by_owner(&[end]).await.unwrap();
}
