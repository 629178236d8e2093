//! Plans of accounts that no localnet has: pure, in microseconds.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use nosana_deployments_migrations::{
    goal::{Bytecode, Goal},
    ledger::Ledger,
    plan::{Plan, State, Terms, Transaction},
    programs::{
        loader::{self, LOADER},
        metadata::Document,
    },
    unsigned::unsigned,
};
use nosana_jobs_interface::JOBS_PROGRAM;
use solana_account::Account;
use solana_loader_v3_interface::state::UpgradeableLoaderState;
use solana_program::{pubkey::Pubkey, rent::Rent};

const TERMS: Terms = Terms {
    slot: 1_000,
    lamports_per_signature: 5_000,
    extension_needs_authority: false,
    tables: Vec::new(),
};

fn bytecode(program: &Pubkey, bytes: usize) -> Vec<u8> {
    let mut elf = b"\x7fELF".to_vec();
    elf.extend_from_slice(program.as_ref());
    elf.extend_from_slice(JOBS_PROGRAM.as_ref());
    elf.extend_from_slice(b"=======BEGIN SECURITY.TXT V1=======\0");
    elf.resize(bytes, 7);
    elf
}

fn goal() -> Goal {
    let [program, deployer] = [Pubkey::new_unique(), Pubkey::new_unique()];
    Goal {
        program,
        deployer,
        keys: [deployer].into(),
        bytecode: Bytecode::new(bytecode(&program, 5_000), &program).unwrap(),
        idl: Document::new(Vec::new()),
        authority: None,
        markets: Vec::new(),
        source: None,
        unit_price_micro_lamports: None,
    }
}

fn held(state: &UpgradeableLoaderState, header: usize, bytecode: &[u8]) -> Account {
    let data = loader::account(state, header, bytecode);
    Account {
        lamports: Rent::default().minimum_balance(data.len()),
        data,
        owner: LOADER,
        executable: false,
        rent_epoch: 0,
    }
}

/// The program runs shorter bytecode, `authority` may upgrade it, and the buffer holds what `written` says.
fn deployed(goal: &Goal, authority: Pubkey, buffer: Option<Account>) -> Ledger {
    let program = UpgradeableLoaderState::Program {
        programdata_address: goal.program_data(),
    };
    let data = UpgradeableLoaderState::ProgramData {
        slot: 1,
        upgrade_authority_address: Some(authority),
    };
    let funds = Account {
        lamports: 1_000_000_000,
        ..Account::default()
    };
    let accounts = [
        (goal.deployer, Some(funds)),
        (goal.program, Some(held(&program, 36, &[]))),
        (goal.program_data(), Some(held(&data, 45, &[1; 4_000]))),
        (goal.buffer().0, buffer),
    ];
    Ledger::new(Rent::default(), accounts)
}

fn written(goal: &Goal, authority: Pubkey) -> Account {
    let state = UpgradeableLoaderState::Buffer {
        authority_address: Some(authority),
    };
    held(&state, 37, goal.bytecode.elf())
}

/// What step 2 does, with who must sign it elsewhere.
fn deploying(plan: &Plan) -> Vec<(String, Vec<Pubkey>)> {
    let State::Due(rounds) = &plan.steps[1].state else {
        panic!("{:?}", plan.steps[1]);
    };
    let said = |one: &Transaction| {
        let words: Vec<&str> = one.what.split(' ').collect();
        (words[..2].join(" "), one.absent.clone())
    };
    rounds.iter().flatten().map(said).collect()
}

/// Where only the authority may give a program more room, the deployer pays for it before, and both that the vault
/// signs are printed together.
#[test]
fn more_room_is_the_authority_s_to_give_once_a_cluster_wants_that() {
    let (goal, authority) = (goal(), Pubkey::new_unique());
    let written = written(&goal, goal.deployer);
    let ledger = deployed(&goal, authority, Some(written));
    let anybody_s = Plan::new(&goal, &TERMS, ledger.clone()).unwrap();
    let terms = Terms {
        extension_needs_authority: true,
        ..TERMS
    };
    let authority_s = Plan::new(&goal, &terms, ledger).unwrap();
    let word = |text: &str| text.to_owned();
    let gives = word(&format!("give {}", goal.program));
    let upgrades = word(&format!("upgrade {}", goal.program));
    assert_eq!(
        deploying(&anybody_s),
        [
            (word("hand the"), vec![]),
            (gives.clone(), vec![]),
            (upgrades.clone(), vec![authority]),
        ]
    );
    assert_eq!(
        deploying(&authority_s),
        [
            (word("hand the"), vec![]),
            (word("pay for"), vec![]),
            (gives, vec![authority]),
            (upgrades, vec![authority]),
        ]
    );
    let lamports = |plan: &Plan| plan.after.lamports(&goal.program_data());
    assert_eq!(lamports(&anybody_s), lamports(&authority_s));

    // The deployer has done its part.
    let mut ledger = deployed(&goal, authority, Some(self::written(&goal, authority)));
    let room = ledger.missing_rent(&goal.program_data(), 45 + 5_000);
    ledger.transfer(&goal.deployer, &goal.program_data(), room);
    let rest = Plan::new(&goal, &terms, ledger).unwrap();
    let printed = unsigned(&rest, Default::default()).unwrap();
    assert_eq!(printed.len(), 2);
    assert!(printed.iter().all(|one| one.signer == authority));
}

/// The upgrade authority's own key at hand needs nobody else.
#[test]
fn an_authority_at_hand_signs_with_the_deployer() {
    let (mut goal, authority) = (goal(), Pubkey::new_unique());
    goal.keys.insert(authority);
    let ledger = deployed(&goal, authority, None);
    let plan = Plan::new(&goal, &TERMS, ledger).unwrap();
    assert!(deploying(&plan).iter().all(|(_, absent)| absent.is_empty()));
    let State::Due(rounds) = &plan.steps[1].state else {
        panic!();
    };
    let upgrade = &rounds.last().unwrap()[0];
    assert_eq!(upgrade.payer, goal.deployer);
    assert_eq!(upgrade.fee_lamports, 2 * TERMS.lamports_per_signature);
}

/// Half of it is there: only the other half is written.
#[test]
fn only_what_is_missing_is_written() {
    let (goal, authority) = (goal(), Pubkey::new_unique());
    let mut half = written(&goal, goal.deployer);
    half.data[37 + 2_500..].fill(0);
    let count = |buffer| {
        let plan = Plan::new(&goal, &TERMS, deployed(&goal, authority, buffer)).unwrap();
        match &plan.steps[0].state {
            State::Due(rounds) => rounds.iter().flatten().count(),
            _ => 0,
        }
    };
    assert_eq!(count(None), 6, "the buffer, and five parts");
    assert_eq!(count(Some(half)), 3);
    assert_eq!(count(Some(written(&goal, goal.deployer))), 0);
}

/// Whoever holds the buffer has agreed to what is in it: it is never written to again.
#[test]
fn a_buffer_that_was_handed_over_is_whole_or_refused() {
    let (goal, authority) = (goal(), Pubkey::new_unique());
    let mut changed = written(&goal, authority);
    changed.data[100] ^= 1;
    let refused = Plan::new(&goal, &TERMS, deployed(&goal, authority, Some(changed)));
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("handed over"), "{said}");
}
