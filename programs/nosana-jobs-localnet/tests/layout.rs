//! Pins what a caller relies on: discriminators and byte offsets, as literals that were computed
//! outside this workspace (`sha256("global:<name>")[..8]`, `sha256("account:<Name>")[..8]`).

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use anchor_lang::prelude::*;
use nosana_jobs_localnet::{constants, instruction, state::*};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn discriminators_are_the_real_program_s() {
    let pinned = [
        ("open", instruction::Open::DISCRIMINATOR, "e4dc9b47c7bd3c2d"),
        (
            "update",
            instruction::Update::DISCRIMINATOR,
            "dbc858b09e3ffd7f",
        ),
        (
            "close",
            instruction::Close::DISCRIMINATOR,
            "62a5c9b16c41ce60",
        ),
        ("list", instruction::List::DISCRIMINATOR, "36aec14311298426"),
        (
            "delist",
            instruction::Delist::DISCRIMINATOR,
            "3788cd6b6bad041f",
        ),
        (
            "extend",
            instruction::Extend::DISCRIMINATOR,
            "e47f0001e39a36a8",
        ),
        ("end", instruction::End::DISCRIMINATOR, "b4a0f9d9c2794610"),
        (
            "recover",
            instruction::Recover::DISCRIMINATOR,
            "6cd8263a6d927411",
        ),
        ("work", instruction::Work::DISCRIMINATOR, "0f432dc3d789e52f"),
        (
            "finish",
            instruction::Finish::DISCRIMINATOR,
            "434aaa847de9b625",
        ),
        ("quit", instruction::Quit::DISCRIMINATOR, "bf678df050816799"),
        (
            "claim",
            instruction::Claim::DISCRIMINATOR,
            "3ec6d6c1d59f6cd2",
        ),
        (
            "complete",
            instruction::Complete::DISCRIMINATOR,
            "004de0938819584c",
        ),
        ("stop", instruction::Stop::DISCRIMINATOR, "2a85203cabfdb89b"),
        (
            "clean",
            instruction::Clean::DISCRIMINATOR,
            "fabf388096fb0167",
        ),
        (
            "MarketAccount",
            MarketAccount::DISCRIMINATOR,
            "c94ebbe1f0c6c9fb",
        ),
        ("JobAccount", JobAccount::DISCRIMINATOR, "5b10a2052dd27d41"),
        ("RunAccount", RunAccount::DISCRIMINATOR, "c2a96ee6eb0be116"),
    ];
    for (name, discriminator, literal) in pinned {
        assert_eq!(hex(discriminator), literal, "{name}");
    }
}

/// A key of 32 equal bytes, easy to find again in an account's data.
fn key(byte: u8) -> Pubkey {
    Pubkey::new_from_array([byte; 32])
}

fn bytes(account: &impl AccountSerialize) -> Vec<u8> {
    let mut data = Vec::new();
    account.try_serialize(&mut data).unwrap();
    data
}

#[test]
fn a_market_s_fields_stand_where_callers_read_them() {
    let market = MarketAccount {
        authority: key(1),
        job_expiration: 2,
        job_price: 3,
        job_timeout: 4,
        job_type: 5,
        vault: key(6),
        vault_bump: 7,
        node_access_key: key(8),
        node_xnos_minimum: 9,
        queue_type: 10,
        queue: vec![key(11), key(12)],
    };
    let data = bytes(&market);
    assert_eq!(data[8..40], [1; 32]);
    assert_eq!(data[40..48], 2_i64.to_le_bytes());
    assert_eq!(data[48..56], 3_u64.to_le_bytes());
    assert_eq!(data[56..64], 4_i64.to_le_bytes());
    assert_eq!(data[64], 5);
    assert_eq!(data[65..97], [6; 32]);
    assert_eq!(data[97], 7);
    assert_eq!(data[98..130], [8; 32]);
    assert_eq!(data[130..146], 9_u128.to_le_bytes());
    assert_eq!(data[146], 10);
    assert_eq!(data[147..151], 2_u32.to_le_bytes());
    assert_eq!(data[151..183], [11; 32]);
    assert_eq!(data[183..], [12; 32]);
}

#[test]
fn a_market_holds_315_keys_and_no_more() {
    let mut market = MarketAccount {
        authority: key(1),
        job_expiration: 0,
        job_price: 0,
        job_timeout: 0,
        job_type: 0,
        vault: key(1),
        vault_bump: 0,
        node_access_key: key(1),
        node_xnos_minimum: 0,
        queue_type: QUEUE_JOBS,
        queue: vec![key(2); 315],
    };
    let mut account = vec![0; constants::MARKET_SIZE];
    assert!(market.try_serialize(&mut &mut account[..]).is_ok());
    market.queue.push(key(2));
    assert!(market.try_serialize(&mut &mut account[..]).is_err());
    assert_eq!(constants::MARKET_SIZE, 10_232);
}

#[test]
fn a_job_s_fields_stand_where_callers_read_them() {
    let job = JobAccount {
        ipfs_job: [1; 32],
        ipfs_result: [2; 32],
        market: key(3),
        node: key(4),
        payer: key(5),
        price: 6,
        project: key(7),
        state: 8,
        time_end: 9,
        time_start: 10,
        timeout: 11,
    };
    let data = bytes(&job);
    for (position, byte) in [(8, 1), (40, 2), (72, 3), (104, 4), (136, 5), (176, 7)] {
        assert_eq!(data[position..position + 32], [byte; 32], "{position}");
    }
    assert_eq!(data[168..176], 6_u64.to_le_bytes());
    assert_eq!(data[208], 8);
    for (position, value) in [(209, 9_i64), (217, 10), (225, 11)] {
        assert_eq!(
            data[position..position + 8],
            value.to_le_bytes(),
            "{position}"
        );
    }
    assert_eq!((data.len(), constants::JOB_SIZE), (233, 240));
}

#[test]
fn a_run_s_fields_stand_where_callers_read_them() {
    let run = RunAccount {
        job: key(1),
        node: key(2),
        payer: key(3),
        state: 4,
        time: 5,
    };
    let data = bytes(&run);
    for (position, byte) in [(8, 1), (40, 2), (72, 3)] {
        assert_eq!(data[position..position + 32], [byte; 32], "{position}");
    }
    assert_eq!(data[104], 4);
    assert_eq!(data[105..], 5_i64.to_le_bytes());
    assert_eq!((data.len(), constants::RUN_SIZE), (113, 120));
}

#[test]
fn a_queue_is_first_in_first_out_and_knows_when_it_is_empty() {
    let mut market = MarketAccount {
        authority: key(1),
        job_expiration: 0,
        job_price: 0,
        job_timeout: 0,
        job_type: 0,
        vault: key(1),
        vault_bump: 0,
        node_access_key: key(1),
        node_xnos_minimum: 0,
        queue_type: QUEUE_EMPTY,
        queue: Vec::new(),
    };
    assert_eq!(market.dequeue(QUEUE_JOBS), None);
    for job in 2..5 {
        market.enqueue(QUEUE_JOBS, key(job));
    }
    assert_eq!(market.dequeue(QUEUE_NODES), None);
    assert!(market.remove(QUEUE_JOBS, &key(9)).is_err());
    market.remove(QUEUE_JOBS, &key(3)).unwrap();
    assert_eq!(market.dequeue(QUEUE_JOBS), Some(key(2)));
    assert_eq!(market.queue_type, QUEUE_JOBS);
    assert_eq!(market.dequeue(QUEUE_JOBS), Some(key(4)));
    assert_eq!(market.queue_type, QUEUE_EMPTY);
    assert!(market.remove(QUEUE_JOBS, &key(4)).is_err());
    market.job_type = JOB_TYPE_UNKNOWN;
    market.enqueue(QUEUE_JOBS, key(5));
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
