//! The stand-in refuses what the real markets' program was seen to refuse, by the same codes; and
//! what our program knows of the markets is what the stand-in says.

use crate::failure;
use anchor_lang::{AccountSerialize, Discriminator, InstructionData, ToAccountMetas};
use deployments::{
    constants,
    jobs_cpi::{self, MarketView},
};
use deployments_domain::{lifecycle::Market, settings::Strategy};
use deployments_tests::*;
use nosana_deploy_client::instructions::market_vault_address;
use nosana_jobs_localnet::{accounts, constants as theirs, instruction, state::*};
use solana_keypair::Keypair;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_signer::Signer;

#[test]
fn what_our_program_knows_of_the_markets_is_what_the_stand_in_says() {
    let pinned = [
        (jobs_cpi::LIST, instruction::List::DISCRIMINATOR),
        (jobs_cpi::DELIST, instruction::Delist::DISCRIMINATOR),
        (jobs_cpi::END, instruction::End::DISCRIMINATOR),
        (jobs_cpi::RECOVER, instruction::Recover::DISCRIMINATOR),
        (jobs_cpi::MARKET, MarketAccount::DISCRIMINATOR),
        (jobs_cpi::JOB, JobAccount::DISCRIMINATOR),
        (jobs_cpi::RUN, RunAccount::DISCRIMINATOR),
    ];
    for (ours, stand_in) in pinned {
        assert_eq!(ours, stand_in);
    }
    assert_eq!(constants::JOBS_PROGRAM, nosana_jobs_localnet::ID);
    assert_eq!(constants::NOS_MINT, theirs::NOS_MINT);
    assert_eq!(
        (jobs_cpi::JOB_SIZE, jobs_cpi::RUN_SIZE),
        (theirs::JOB_SIZE, theirs::RUN_SIZE)
    );
}

#[test]
fn a_market_is_read_in_place() {
    let (market, job) = (Pubkey::new_unique(), Pubkey::new_unique());
    let state = MarketAccount {
        job_price: 12_345,
        queue_type: QUEUE_JOBS,
        queue: vec![Pubkey::new_unique(), job],
        ..market_account(Pubkey::new_unique(), &market)
    };
    let read = |state: &MarketAccount| {
        let mut data = vec![0; theirs::MARKET_SIZE];
        state.try_serialize(&mut &mut data[..]).unwrap();
        data
    };
    let data = read(&state);
    let view = MarketView::parse(&data[..]).unwrap();
    assert_eq!(view.price_per_second().unwrap(), 12_345);
    assert_eq!(view.token_vault().unwrap(), market_vault_address(&market));
    let open = |nodes_waiting, queue_room| Market::Open {
        price_per_second: 12_345,
        nodes_waiting,
        queue_room,
    };
    assert_eq!(view.state().unwrap(), open(0, 313));
    assert!(view.has_queued(&job).unwrap());
    assert!(!view.has_queued(&market).unwrap());

    let nodes = read(&MarketAccount {
        queue_type: QUEUE_NODES,
        ..state.clone()
    });
    let view = MarketView::parse(&nodes[..]).unwrap();
    assert_eq!(view.state().unwrap(), open(2, 315));
    assert!(!view.has_queued(&job).unwrap(), "a node's key is no job");

    let unknown = read(&MarketAccount {
        job_type: 255,
        ..state
    });
    assert_eq!(
        MarketView::parse(&unknown[..]).unwrap().state().unwrap(),
        Market::Unusable
    );
    assert!(MarketView::parse(&data[1..]).is_none());
    assert!(MarketView::parse(&data[..20]).unwrap().state().is_err());
}

fn build(accounts: impl ToAccountMetas, data: impl InstructionData) -> Instruction {
    Instruction {
        program_id: constants::JOBS_PROGRAM,
        accounts: accounts.to_account_metas(None),
        data: data.data(),
    }
}

/// Lists a job straight from the owner's wallet, as users do without our program.
async fn list_directly(world: &mut World, timeout: i64) -> Result<Pubkey, Failure> {
    let (job, run, owner) = (Keypair::new(), Keypair::new(), world.owner.insecure_clone());
    let accounts = accounts::List {
        job: job.pubkey(),
        market: world.market,
        run: run.pubkey(),
        user: owner_nos(world),
        vault: market_vault_address(&world.market),
        payer: owner.pubkey(),
        rewards_reflection: constants::REWARDS_REFLECTION,
        rewards_vault: constants::REWARDS_VAULT,
        authority: owner.pubkey(),
        rewards_program: constants::REWARDS_PROGRAM,
        token_program: anchor_spl::token::ID,
        system_program: anchor_lang::system_program::ID,
    };
    let list = build(
        accounts,
        instruction::List {
            ipfs_job: [7; 32],
            timeout,
        },
    );
    world.send(&[list], &[&owner, &job, &run]).await?;
    Ok(job.pubkey())
}

fn owner_nos(world: &World) -> Pubkey {
    anchor_spl::associated_token::get_associated_token_address(
        &world.owner.pubkey(),
        &constants::NOS_MINT,
    )
}

fn delist(world: &World, job: Pubkey, authority: &Pubkey) -> Instruction {
    let accounts = accounts::Delist {
        job,
        market: world.market,
        deposit: owner_nos(world),
        payer: world.owner.pubkey(),
        vault: market_vault_address(&world.market),
        token_program: anchor_spl::token::ID,
        authority: *authority,
    };
    build(accounts, instruction::Delist {})
}

fn extend(world: &World, job: Pubkey, timeout: i64) -> Instruction {
    let accounts = accounts::Extend {
        job,
        market: world.market,
        user: owner_nos(world),
        vault: market_vault_address(&world.market),
        rewards_reflection: constants::REWARDS_REFLECTION,
        rewards_vault: constants::REWARDS_VAULT,
        authority: world.owner.pubkey(),
        payer: world.owner.pubkey(),
        rewards_program: constants::REWARDS_PROGRAM,
        token_program: anchor_spl::token::ID,
    };
    build(accounts, instruction::Extend { timeout })
}

fn recover(world: &World, job: Pubkey) -> Instruction {
    let accounts = accounts::Recover {
        job,
        market: world.market,
        vault: market_vault_address(&world.market),
        user: owner_nos(world),
        payer: world.owner.pubkey(),
        authority: world.owner.pubkey(),
        token_program: anchor_spl::token::ID,
    };
    build(accounts, instruction::Recover {})
}

fn finish(
    world: &World,
    node: &Node,
    job: Pubkey,
    run: Pubkey,
    ipfs_result: [u8; 32],
) -> Instruction {
    let accounts = accounts::Finish {
        job,
        run,
        market: world.market,
        vault: market_vault_address(&world.market),
        deposit: owner_nos(world),
        user: node.nos(),
        payer_run: node.wallet.pubkey(),
        payer_job: world.owner.pubkey(),
        authority: node.wallet.pubkey(),
        token_program: anchor_spl::token::ID,
    };
    build(accounts, instruction::Finish { ipfs_result })
}

fn coded(code: u32) -> Result<(), Failure> {
    Err(Failure::Code(code))
}

#[tokio::test]
async fn a_queued_job_is_refused_what_the_real_program_refuses() {
    let mut world = World::new().await;
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
    let mut world = World::new().await;
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
    let accounts = accounts::Complete {
        job,
        authority: wallet.pubkey(),
    };
    let complete = build(
        accounts,
        instruction::Complete {
            ipfs_result: [2; 32],
        },
    );
    assert_eq!(
        failure(world.send(&[complete], &[&wallet]).await),
        coded(6010),
        "results already set"
    );
}

#[tokio::test]
async fn a_quit_job_is_only_recovered() {
    let mut world = World::new().await;
    let job = list_directly(&mut world, 100).await.unwrap();
    let node = world.nodes[0].clone();
    let run = node.work(&mut world).await.unwrap();
    let wallet = node.wallet.insecure_clone();
    let quit = accounts::Quit {
        job,
        run,
        payer: wallet.pubkey(),
        authority: wallet.pubkey(),
    };
    world
        .send(&[build(quit, instruction::Quit {})], &[&wallet])
        .await
        .unwrap();
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
    let mut world = World::new().await;
    let job = list_directly(&mut world, 100).await.unwrap();
    let nodes = world.nodes.clone();
    let run = nodes[0].work(&mut world).await.unwrap();
    let wallet = nodes[0].wallet.insecure_clone();
    let quit = accounts::Quit {
        job,
        run,
        payer: wallet.pubkey(),
        authority: wallet.pubkey(),
    };
    world
        .send(&[build(quit, instruction::Quit {})], &[&wallet])
        .await
        .unwrap();
    let mut runs = Vec::new();
    for node in &nodes {
        let run = Keypair::new();
        let accounts = accounts::Claim {
            job,
            run: run.pubkey(),
            market: world.market,
            stake: Pubkey::default(),
            nft: Pubkey::default(),
            metadata: Pubkey::default(),
            payer: node.wallet.pubkey(),
            authority: node.wallet.pubkey(),
            system_program: anchor_lang::system_program::ID,
        };
        world
            .send(
                &[build(accounts, instruction::Claim {})],
                &[&node.wallet, &run],
            )
            .await
            .unwrap();
        runs.push(run.pubkey());
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
    let mut world = World::new().await;
    list_directly(&mut world, 0).await.unwrap();
    for timeout in [-1, i64::MAX] {
        let outcome = list_directly(&mut world, timeout).await;
        assert!(
            matches!(outcome, Err(Failure::Runtime(_))),
            "it aborts: {outcome:?}"
        );
    }
    let mut market = world.market_state().await;
    market.job_price = 0;
    world.set_market(&market);
    list_directly(&mut world, -1).await.unwrap();
    market.queue = vec![Pubkey::new_unique(); 315];
    market.queue_type = QUEUE_JOBS;
    world.set_market(&market);
    assert_eq!(
        list_directly(&mut world, 1).await,
        Err(Failure::Code(3004)),
        "a full queue"
    );
}

#[tokio::test]
async fn a_node_queues_once_and_leaves() {
    let mut world = World::new().await;
    let node = world.nodes[0].clone();
    node.work(&mut world).await.unwrap();
    assert_eq!(
        failure(node.work(&mut world).await),
        coded(6014),
        "queueing twice"
    );
    let accounts = accounts::Stop {
        market: world.market,
        authority: node.wallet.pubkey(),
    };
    let stop = build(accounts, instruction::Stop {});
    world.send(&[stop], &[&node.wallet]).await.unwrap();
    assert_eq!(world.market_state().await.queue_type, QUEUE_EMPTY);
}

#[tokio::test]
async fn a_market_is_opened_changed_and_closed_by_its_authority() {
    let mut world = World::new().await;
    let (market, authority) = (Keypair::new(), world.authority.insecure_clone());
    let accounts = accounts::Open {
        mint: constants::NOS_MINT,
        market: market.pubkey(),
        vault: market_vault_address(&market.pubkey()),
        payer: authority.pubkey(),
        authority: authority.pubkey(),
        access_key: Pubkey::default(),
        system_program: anchor_lang::system_program::ID,
        token_program: anchor_spl::token::ID,
    };
    let terms = (60, 5, 600, 0, 0);
    let open = instruction::Open {
        job_expiration: terms.0,
        job_price: terms.1,
        job_timeout: terms.2,
        job_type: terms.3,
        node_xnos_minimum: terms.4,
    };
    world
        .send(&[build(accounts, open)], &[&authority, &market])
        .await
        .unwrap();
    let account = world.account(&market.pubkey()).await.unwrap();
    assert_eq!(account.data.len(), 10_232);
    let view = MarketView::parse(&account.data[..]).unwrap();
    assert_eq!(view.price_per_second().unwrap(), 5);
    assert_eq!(
        view.token_vault().unwrap(),
        market_vault_address(&market.pubkey())
    );

    let update = |signer: &Keypair| {
        let accounts = accounts::Update {
            market: market.pubkey(),
            access_key: Pubkey::default(),
            authority: signer.pubkey(),
        };
        let data = instruction::Update {
            job_expiration: 60,
            job_price: 9,
            job_timeout: 600,
            job_type: 0,
            node_xnos_minimum: 0,
        };
        build(accounts, data)
    };
    let keeper = world.keeper.insecure_clone();
    let instruction = update(&keeper);
    assert_eq!(failure(world.by_keeper(instruction).await), coded(6000));
    let instruction = update(&authority);
    world.send(&[instruction], &[&authority]).await.unwrap();

    let user = nosana_deploy_client::instructions::create_nos_account(
        &authority.pubkey(),
        &authority.pubkey(),
    );
    let accounts = accounts::CloseMarket {
        market: market.pubkey(),
        vault: market_vault_address(&market.pubkey()),
        user: user.accounts[1].pubkey,
        authority: authority.pubkey(),
        token_program: anchor_spl::token::ID,
    };
    let close = build(accounts, instruction::Close {});
    world.send(&[user, close], &[&authority]).await.unwrap();
    assert_eq!(world.account(&market.pubkey()).await, None);
}

#[tokio::test]
async fn the_market_closing_sweeps_deposits_but_traps_no_deployment() {
    // What the market's authority takes is lost by the market's rules; the rest must stay reachable.
    let mut world = World::new().await;
    let key = world.started(Strategy::Simple, 1, 2).await;
    world.list(&key, 1).await.unwrap();
    let authority = world.authority.insecure_clone();
    let user = nosana_deploy_client::instructions::create_nos_account(
        &authority.pubkey(),
        &authority.pubkey(),
    );
    let accounts = accounts::CloseMarket {
        market: world.market,
        vault: market_vault_address(&world.market),
        user: user.accounts[1].pubkey,
        authority: authority.pubkey(),
        token_program: anchor_spl::token::ID,
    };
    let close = build(accounts, instruction::Close {});
    world.send(&[user, close], &[&authority]).await.unwrap();
    let withdrawn = world
        .withdraw(
            deployments::instructions::Amount::All,
            deployments::instructions::Amount::All,
        )
        .await;
    assert!(withdrawn.is_ok());
    assert_eq!(world.vault_funds().await, (0, 0));
}
