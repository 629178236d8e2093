//! Both programs' ELFs load and run in LiteSVM.

#![allow(clippy::unwrap_used, missing_docs)]

use deployments_tests::elf_dir;
use litesvm::LiteSVM;
use nosana_deploy_client::{
    instructions as ix,
    jobs_program::{node::Node, JOBS_PROGRAM},
    PROGRAM_ID,
};
use solana_keypair::Keypair;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_signer::Signer;
use solana_transaction::Transaction;

/// Error code of the only instruction of a transaction.
fn code(vm: &mut LiteSVM, payer: &Keypair, instruction: Instruction) -> String {
    let blockhash = vm.latest_blockhash();
    let payer_key = payer.pubkey();
    let transaction =
        Transaction::new_signed_with_payer(&[instruction], Some(&payer_key), &[payer], blockhash);
    format!("{:?}", vm.send_transaction(transaction).unwrap_err().err)
}

#[test]
fn both_programs_load_and_run() {
    let mut vm = LiteSVM::new();
    vm.add_program_from_file(PROGRAM_ID, elf_dir().join("deployments.so"))
        .unwrap();
    vm.add_program_from_file(JOBS_PROGRAM, elf_dir().join("nosana_jobs_localnet.so"))
        .unwrap();
    let payer = Keypair::new();
    vm.airdrop(&payer.pubkey(), 1_000_000_000).unwrap();

    // Each program gets an account that does not exist and refuses it with Anchor's code (owned by another
    // program, not initialized), so its bytecode ran.
    let start = ix::start(&payer.pubkey(), &Pubkey::new_unique());
    assert_eq!(
        code(&mut vm, &payer, start),
        "InstructionError(0, Custom(3007))"
    );
    let stop = Node(payer.pubkey()).leave(&Pubkey::new_unique());
    assert_eq!(
        code(&mut vm, &payer, stop),
        "InstructionError(0, Custom(3012))"
    );
}
