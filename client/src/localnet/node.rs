//! What a node sends to the markets' program.

use crate::{
    constants::JOBS_PROGRAM,
    instructions::{market_vault_address, nos_account_address},
};
use anchor_lang::{system_program, InstructionData, ToAccountMetas};
use anchor_spl::token;
use nosana_jobs_localnet::{accounts, instruction};
use solana_program::{instruction::Instruction, pubkey::Pubkey};

/// The node takes the first waiting job, or queues. Signers: the node, and `run`, a new account.
pub fn work(node: &Pubkey, run: &Pubkey, market: &Pubkey) -> Instruction {
    let accounts = accounts::Work {
        run: *run,
        market: *market,
        payer: *node,
        // Stake and NFT are not checked on localnet.
        stake: Pubkey::default(),
        nft: Pubkey::default(),
        metadata: Pubkey::default(),
        authority: *node,
        system_program: system_program::ID,
    };
    build(accounts, instruction::Work {})
}

/// The node finishes a job that it runs, with a result that is not null. `run_payer` paid for the
/// run; `vault` is the job's payer. Signer: the node.
pub fn finish(
    node: &Pubkey,
    (job, run, run_payer): (Pubkey, Pubkey, Pubkey),
    market: &Pubkey,
    vault: &Pubkey,
) -> Instruction {
    let accounts = accounts::Finish {
        job,
        run,
        market: *market,
        vault: market_vault_address(market),
        deposit: nos_account_address(vault),
        user: nos_account_address(node),
        payer_run: run_payer,
        payer_job: *vault,
        authority: *node,
        token_program: token::ID,
    };
    build(
        accounts,
        instruction::Finish {
            ipfs_result: [1; 32],
        },
    )
}

/// The node gives up a job that it runs. Signer: the node.
pub fn quit(node: &Pubkey, (job, run, run_payer): (Pubkey, Pubkey, Pubkey)) -> Instruction {
    let accounts = accounts::Quit {
        job,
        run,
        payer: run_payer,
        authority: *node,
    };
    build(accounts, instruction::Quit {})
}

fn build(accounts: impl ToAccountMetas, data: impl InstructionData) -> Instruction {
    Instruction {
        program_id: JOBS_PROGRAM,
        accounts: accounts.to_account_metas(None),
        data: data.data(),
    }
}
