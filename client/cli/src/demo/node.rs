//! What a node sends to the markets' program.

use anchor_lang::{system_program, InstructionData, ToAccountMetas};
use anchor_spl::{associated_token::get_associated_token_address, token};
use nosana_deploy_client::{
    constants::{JOBS_PROGRAM, NOS_MINT},
    instructions::{market_vault_address, Vault},
};
use nosana_jobs_localnet::{accounts, instruction};
use solana_program::{instruction::Instruction, pubkey::Pubkey};

/// The node takes the first waiting job.
pub(crate) fn work(node: &Pubkey, run: &Pubkey, market: &Pubkey) -> Instruction {
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

/// The node finishes its job, with a result that is not null.
pub(crate) fn finish(
    node: &Pubkey,
    job: Pubkey,
    run: Pubkey,
    market: &Pubkey,
    vault: &Vault,
) -> Instruction {
    let accounts = accounts::Finish {
        job,
        run,
        market: *market,
        vault: market_vault_address(market),
        deposit: vault.nos,
        user: get_associated_token_address(node, &NOS_MINT),
        payer_run: *node,
        payer_job: vault.address,
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

fn build(accounts: impl ToAccountMetas, data: impl InstructionData) -> Instruction {
    Instruction {
        program_id: JOBS_PROGRAM,
        accounts: accounts.to_account_metas(None),
        data: data.data(),
    }
}
