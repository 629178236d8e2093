//! The interface reads what this program writes, field by field, and builds what this program expects.
//! Two independent descriptions of the real program agree, or one of them is wrong.

#![allow(clippy::unwrap_used)]

use anchor_lang::{prelude::*, InstructionData};
use nosana_jobs_interface::{
    account::{Deposit, Job, JobState, Market, Run, QUEUE_CAPACITY},
    instruction as ix, JOBS_PROGRAM,
};
use nosana_jobs_localnet::{accounts, instruction, instructions::Terms, state::*};
use solana_instruction::Instruction;

/// A key of 32 equal bytes.
const fn key(byte: u8) -> Pubkey {
    Pubkey::new_from_array([byte; 32])
}

fn bytes(account: &impl AccountSerialize) -> Vec<u8> {
    let mut data = Vec::new();
    account.try_serialize(&mut data).unwrap();
    data
}

fn market() -> MarketAccount {
    MarketAccount {
        authority: key(1),
        job_expiration: 2,
        job_price: 3,
        job_timeout: 4,
        job_type: 5,
        vault: key(6),
        vault_bump: 7,
        node_access_key: key(8),
        node_xnos_minimum: 9,
        queue_type: QUEUE_OF_JOBS,
        queue: vec![key(11), key(12)],
    }
}

#[test]
fn the_program_is_the_interface_s() {
    assert_eq!(nosana_jobs_localnet::ID, JOBS_PROGRAM);
}

#[test]
fn a_market_is_read_as_it_is_written() {
    let written = market();
    let data = bytes(&written);
    let read = Market::read(&JOBS_PROGRAM, &data).unwrap().unwrap();
    let header = read.header;
    assert_eq!(header.authority, written.authority);
    assert_eq!(header.job_expiration_seconds(), 2);
    assert_eq!(header.price_per_second(), 3);
    assert_eq!(header.job_timeout_seconds(), 4);
    assert_eq!((header.job_type, header.vault), (5, key(6)));
    assert_eq!(
        (header.vault_bump, header.node_access_key),
        (7, written.node_access_key)
    );
    assert_eq!((header.jobs_waiting(), header.nodes_waiting()), (2, 0));
    assert_eq!((read.queue_capacity(), read.queue_room()), (2, 0));
    let mut longer = data.clone();
    longer.resize(MARKET_SIZE, 0);
    let longer = Market::read(&JOBS_PROGRAM, &longer).unwrap().unwrap();
    assert_eq!(longer.queue_room(), QUEUE_CAPACITY - 2);
    assert!(read.queue().eq(&written.queue));
    assert!(read.has_queued(&key(12)) && !read.has_queued(&key(1)));
    assert_eq!(Market::read(&key(9), &data), Ok(None), "of another program");
    assert_eq!(Market::read(&JOBS_PROGRAM, &data[1..]), Ok(None));
    assert!(Market::read(&JOBS_PROGRAM, &data[..150]).is_err());

    let nodes = bytes(&MarketAccount {
        queue_type: QUEUE_OF_NODES,
        job_type: JOB_TYPE_UNKNOWN,
        ..written
    });
    let read = Market::read(&JOBS_PROGRAM, &nodes).unwrap().unwrap();
    assert_eq!(read.header.nodes_waiting(), 2);
    assert_eq!(read.queue_room(), 2, "no jobs wait");
    assert!(!read.header.takes_jobs());
    assert!(!read.has_queued(&key(12)), "a node's key is not a job's");
}

/// What [`JobAccount`]s here are listed for.
const DEPOSIT: Deposit = Deposit {
    price_per_second: 6,
    timeout_seconds: 11,
    authority: key(7),
};

#[test]
fn deposits_and_what_is_left_of_them_never_overflow() {
    let lasting = |timeout_seconds| Deposit {
        timeout_seconds,
        ..DEPOSIT
    };
    let deposits = [11, -1, i64::MAX].map(|timeout| lasting(timeout).amount());
    assert_eq!(deposits, [Some(66), None, None]);
    let rests = [-5, 0, 10, 11, 99].map(|seconds| DEPOSIT.rest_after(seconds));
    assert_eq!(rests, [66, 66, 6, 0, 0].map(Some));
    assert_eq!(lasting(i64::MAX).rest_after(1), None);
}

#[test]
fn one_pass_finds_every_queued_job() {
    let data = bytes(&market());
    let read = Market::read(&JOBS_PROGRAM, &data).unwrap().unwrap();
    let mut found = Vec::new();
    read.find_queued(&[key(1), key(12), key(13), key(11)], |position| {
        found.push(position)
    });
    let expected: Vec<usize> = market()
        .queue
        .iter()
        .filter_map(|job| {
            [key(1), key(12), key(13), key(11)]
                .iter()
                .position(|key| key == job)
        })
        .collect();
    assert!(!expected.is_empty());
    assert_eq!(found, expected);
}

#[test]
fn a_market_holds_as_many_keys_as_the_interface_says_and_no_more() {
    let mut market = market();
    market.queue = vec![key(2); usize::try_from(QUEUE_CAPACITY).unwrap()];
    let mut account = vec![0; MARKET_SIZE];
    assert!(market.try_serialize(&mut &mut account[..]).is_ok());
    market.queue.push(key(2));
    assert!(market.try_serialize(&mut &mut account[..]).is_err());
}

#[test]
fn a_job_is_read_as_it_is_written() {
    let written = JobAccount {
        ipfs_job: [1; 32],
        ipfs_result: [2; 32],
        market: key(3),
        node: key(4),
        payer: key(5),
        price: 6,
        project: key(7),
        state: JOB_QUEUED,
        time_end: 9,
        time_start: 10,
        timeout: 11,
    };
    let data = bytes(&written);
    let read = Job::read(&JOBS_PROGRAM, &data).unwrap().unwrap();
    assert_eq!((read.ipfs_job, read.ipfs_result), ([1; 32], [2; 32]));
    assert_eq!((read.market, read.node), (key(3), key(4)));
    assert_eq!((read.payer, read.project), (key(5), key(7)));
    assert_eq!((read.price_per_second(), read.timeout_seconds()), (6, 11));
    assert_eq!((read.started_at(), read.ended_at()), (10, 9));
    for (offset, byte) in [
        (Job::MARKET_OFFSET, 3),
        (Job::PAYER_OFFSET, 5),
        (Job::PROJECT_OFFSET, 7),
    ] {
        assert_eq!(data[offset..offset + 32], [byte; 32]);
    }
    assert_eq!(data[Job::STATE_OFFSET], JOB_QUEUED);
    for (state, outcome) in [
        (JOB_QUEUED, JobState::Open(DEPOSIT)),
        (
            JOB_DONE,
            JobState::Done {
                started_at: 10,
                ended_at: 9,
            },
        ),
        (
            // Claimed twice: one claim finished it, and the other one quit it after that.
            JOB_STOPPED,
            JobState::Done {
                started_at: 10,
                ended_at: 9,
            },
        ),
    ] {
        let data = bytes(&JobAccount {
            state,
            ..written.clone()
        });
        assert_eq!(JobState::at(&JOBS_PROGRAM, &data), Ok(outcome));
    }
    let quit = bytes(&JobAccount {
        state: JOB_STOPPED,
        time_end: 0,
        ..written.clone()
    });
    assert_eq!(
        JobState::at(&JOBS_PROGRAM, &quit),
        Ok(JobState::Quit(DEPOSIT))
    );
    assert_eq!(JobState::at(&key(9), &data), Ok(JobState::Gone));
    assert!(JobState::at(&JOBS_PROGRAM, &data[..232]).is_err());
    assert!(JobState::at(&JOBS_PROGRAM, &[]).is_err());
    assert!(data.len() <= JOB_SIZE);
}

#[test]
fn a_run_is_read_as_it_is_written() {
    let run = RunAccount {
        job: key(1),
        node: key(2),
        payer: key(3),
        state: RUN_RUNNING,
        time: 5,
    };
    let data = bytes(&run);
    let read = Run::read(&JOBS_PROGRAM, &data).unwrap().unwrap();
    assert_eq!((read.job, read.node, read.payer), (key(1), key(2), key(3)));
    assert_eq!((read.state, read.started_at()), (RUN_RUNNING, 5));
    for (offset, byte) in [(Run::JOB_OFFSET, 1), (Run::NODE_OFFSET, 2)] {
        assert_eq!(data[offset..offset + 32], [byte; 32]);
    }
    assert!(Run::read(&JOBS_PROGRAM, &data[..112]).is_err());
    assert!(data.len() <= RUN_SIZE);
}

/// An instruction as Anchor builds it from this program's own description.
fn anchors(accounts: impl ToAccountMetas, data: impl InstructionData) -> Instruction {
    Instruction {
        program_id: nosana_jobs_localnet::ID,
        accounts: accounts.to_account_metas(None),
        data: data.data(),
    }
}

#[test]
fn instructions_are_built_as_they_are_expected() {
    use nosana_jobs_interface::{
        NOS_MINT, REWARDS_PROGRAM, REWARDS_REFLECTION, REWARDS_VAULT, SYSTEM_PROGRAM, TOKEN_PROGRAM,
    };
    let keys: [Pubkey; 8] = std::array::from_fn(|byte| key(u8::try_from(byte).unwrap() + 1));
    let [job, market, run, user, vault, payer, authority, deposit] = &keys;
    let (stake, nft, metadata) = (key(0), key(0), key(0));
    let terms = ix::MarketTerms {
        job_expiration_seconds: 1,
        price_per_second: 2,
        job_timeout_seconds: 3,
        job_type: 4,
        node_xnos_minimum: 5,
    };
    let theirs = Terms {
        job_expiration: 1,
        job_price: 2,
        job_timeout: 3,
        job_type: 4,
        node_xnos_minimum: 5,
    };
    let pairs = [
        (
            ix::List {
                job,
                market,
                run,
                user,
                vault,
                payer,
                authority,
            }
            .instruction(&[7; 32], 9),
            anchors(
                accounts::List {
                    job: *job,
                    market: *market,
                    run: *run,
                    user: *user,
                    vault: *vault,
                    payer: *payer,
                    rewards_reflection: REWARDS_REFLECTION,
                    rewards_vault: REWARDS_VAULT,
                    authority: *authority,
                    rewards_program: REWARDS_PROGRAM,
                    token_program: TOKEN_PROGRAM,
                    system_program: SYSTEM_PROGRAM,
                },
                instruction::List {
                    ipfs_job: [7; 32],
                    timeout: 9,
                },
            ),
        ),
        (
            ix::Extend {
                job,
                market,
                user,
                vault,
                authority,
                payer,
            }
            .instruction(9),
            anchors(
                accounts::Extend {
                    job: *job,
                    market: *market,
                    user: *user,
                    vault: *vault,
                    rewards_reflection: REWARDS_REFLECTION,
                    rewards_vault: REWARDS_VAULT,
                    authority: *authority,
                    payer: *payer,
                    rewards_program: REWARDS_PROGRAM,
                    token_program: TOKEN_PROGRAM,
                },
                instruction::Extend { timeout: 9 },
            ),
        ),
        (
            ix::Delist {
                job,
                market,
                deposit,
                payer,
                vault,
                authority,
            }
            .instruction(),
            anchors(
                accounts::Delist {
                    job: *job,
                    market: *market,
                    deposit: *deposit,
                    payer: *payer,
                    vault: *vault,
                    token_program: TOKEN_PROGRAM,
                    authority: *authority,
                },
                instruction::Delist {},
            ),
        ),
        (
            ix::End {
                job,
                market,
                run,
                deposit,
                user,
                vault,
                payer,
                authority,
            }
            .instruction(),
            anchors(
                accounts::End {
                    job: *job,
                    market: *market,
                    run: *run,
                    deposit: *deposit,
                    user: *user,
                    vault: *vault,
                    payer: *payer,
                    authority: *authority,
                    token_program: TOKEN_PROGRAM,
                },
                instruction::End {},
            ),
        ),
        (
            ix::Recover {
                job,
                market,
                vault,
                user,
                payer,
                authority,
            }
            .instruction(),
            anchors(
                accounts::Recover {
                    job: *job,
                    market: *market,
                    vault: *vault,
                    user: *user,
                    payer: *payer,
                    authority: *authority,
                    token_program: TOKEN_PROGRAM,
                },
                instruction::Recover {},
            ),
        ),
        (
            ix::Work {
                node: payer,
                run,
                market,
            }
            .instruction(),
            anchors(
                accounts::Work {
                    run: *run,
                    market: *market,
                    payer: *payer,
                    stake,
                    nft,
                    metadata,
                    authority: *payer,
                    system_program: SYSTEM_PROGRAM,
                },
                instruction::Work {},
            ),
        ),
        (
            ix::Claim {
                node: payer,
                job,
                run,
                market,
            }
            .instruction(),
            anchors(
                accounts::Claim {
                    job: *job,
                    run: *run,
                    market: *market,
                    stake,
                    nft,
                    metadata,
                    payer: *payer,
                    authority: *payer,
                    system_program: SYSTEM_PROGRAM,
                },
                instruction::Claim {},
            ),
        ),
        (
            ix::Finish {
                node: authority,
                job,
                run,
                market,
                vault,
                deposit,
                user,
                payer_run: payer,
                payer_job: authority,
            }
            .instruction(&[8; 32]),
            anchors(
                accounts::Finish {
                    job: *job,
                    run: *run,
                    market: *market,
                    vault: *vault,
                    deposit: *deposit,
                    user: *user,
                    payer_run: *payer,
                    payer_job: *authority,
                    authority: *authority,
                    token_program: TOKEN_PROGRAM,
                },
                instruction::Finish {
                    ipfs_result: [8; 32],
                },
            ),
        ),
        (
            ix::Quit {
                node: authority,
                job,
                run,
                payer,
            }
            .instruction(),
            anchors(
                accounts::Quit {
                    job: *job,
                    run: *run,
                    payer: *payer,
                    authority: *authority,
                },
                instruction::Quit {},
            ),
        ),
        (
            ix::Complete {
                node: authority,
                job,
            }
            .instruction(&[8; 32]),
            anchors(
                accounts::Complete {
                    job: *job,
                    authority: *authority,
                },
                instruction::Complete {
                    ipfs_result: [8; 32],
                },
            ),
        ),
        (
            ix::Stop {
                node: authority,
                market,
            }
            .instruction(),
            anchors(
                accounts::Stop {
                    market: *market,
                    authority: *authority,
                },
                instruction::Stop {},
            ),
        ),
        (
            ix::Clean { job, market, payer }.instruction(),
            anchors(
                accounts::Clean {
                    job: *job,
                    market: *market,
                    payer: *payer,
                },
                instruction::Clean {},
            ),
        ),
        (
            ix::Open {
                market,
                vault,
                authority,
                access_key: user,
            }
            .instruction(&terms),
            anchors(
                accounts::Open {
                    mint: NOS_MINT,
                    market: *market,
                    vault: *vault,
                    payer: *authority,
                    authority: *authority,
                    access_key: *user,
                    system_program: SYSTEM_PROGRAM,
                    token_program: TOKEN_PROGRAM,
                },
                instruction::Open { terms: theirs },
            ),
        ),
        (
            ix::Update {
                market,
                access_key: user,
                authority,
            }
            .instruction(&terms),
            anchors(
                accounts::Update {
                    market: *market,
                    access_key: *user,
                    authority: *authority,
                },
                instruction::Update { terms: theirs },
            ),
        ),
        (
            ix::Close {
                market,
                vault,
                user,
                authority,
            }
            .instruction(),
            anchors(
                accounts::CloseMarket {
                    market: *market,
                    vault: *vault,
                    user: *user,
                    authority: *authority,
                    token_program: TOKEN_PROGRAM,
                },
                instruction::Close {},
            ),
        ),
    ];
    for (number, (interface, expected)) in pairs.into_iter().enumerate() {
        assert_eq!(interface, expected, "instruction {number}");
    }
}

#[test]
fn a_queue_is_first_in_first_out_and_knows_when_it_is_empty() {
    let mut market = MarketAccount {
        queue_type: QUEUE_EMPTY,
        queue: Vec::new(),
        ..market()
    };
    assert_eq!(market.dequeue(QUEUE_OF_JOBS), None);
    for job in 2..5 {
        market.enqueue(QUEUE_OF_JOBS, key(job));
    }
    assert_eq!(market.dequeue(QUEUE_OF_NODES), None);
    assert!(market.remove(QUEUE_OF_JOBS, &key(9)).is_err());
    market.remove(QUEUE_OF_JOBS, &key(3)).unwrap();
    assert_eq!(market.dequeue(QUEUE_OF_JOBS), Some(key(2)));
    assert_eq!(market.queue_type, QUEUE_OF_JOBS);
    assert_eq!(market.dequeue(QUEUE_OF_JOBS), Some(key(4)));
    assert_eq!(market.queue_type, QUEUE_EMPTY);
    assert!(market.remove(QUEUE_OF_JOBS, &key(4)).is_err());
    market.job_type = JOB_TYPE_UNKNOWN;
    market.enqueue(QUEUE_OF_JOBS, key(5));
    assert!(market.queue.is_empty());
}

#[test]
fn deposits_are_shared_to_the_last_unit() {
    let mut job = JobAccount {
        ipfs_job: [0; 32],
        ipfs_result: [0; 32],
        market: key(0),
        node: key(0),
        payer: key(0),
        price: 7,
        project: key(0),
        state: JOB_QUEUED,
        time_end: 0,
        time_start: 0,
        timeout: 100,
    };
    for (elapsed, earned) in [(-5, 0), (0, 0), (1, 7), (99, 693), (100, 700), (101, 700)] {
        assert_eq!(job.shares(elapsed), (earned, 700 - earned), "{elapsed}");
    }
    job.price = 0;
    job.timeout = -1;
    assert_eq!(job.shares(50), (0, 0));
}

#[test]
#[should_panic(expected = "deposit out of range")]
fn a_negative_timeout_aborts_unless_it_is_free() {
    assert_eq!(JobAccount::deposit(0, -1), 0);
    JobAccount::deposit(1, -1);
}
