//! What nodes and the market's authority do.

use super::{play::nothing, scenario::Step, stage::Stage};
use crate::{chain::Refusal, node::build};
use anchor_lang::system_program;
use anchor_spl::associated_token::get_associated_token_address as nos_account;
use deployments::constants::NOS_MINT;
use nosana_deploy_client::instructions::market_vault_address;
use nosana_jobs_localnet::{
    accounts, instruction,
    state::{JobAccount, MarketAccount, JOB_DONE, JOB_STOPPED},
};
use solana_program::pubkey::Pubkey;

pub(super) fn on_the_market(stage: &mut Stage, step: &Step) -> Result<(), Refusal> {
    let market = stage.market;
    let token_program = anchor_spl::token::ID;
    match *step {
        Step::Work { n } => {
            let (run, node) = (stage.key(), stage.nodes[n]);
            let work = accounts::Work {
                run,
                market,
                payer: node,
                stake: Pubkey::default(),
                nft: Pubkey::default(),
                metadata: Pubkey::default(),
                authority: node,
                system_program: system_program::ID,
            };
            stage
                .chain
                .send(&[build(work, instruction::Work {})], &node)?;
            stage.runs.insert(run);
            Ok(())
        }
        Step::Claim { n, job } => {
            let Some(job) = stage.pick(job, |_, state| state.state == JOB_STOPPED) else {
                return nothing();
            };
            let (run, node) = (stage.key(), stage.nodes[n]);
            let claim = accounts::Claim {
                job,
                run,
                market,
                stake: Pubkey::default(),
                nft: Pubkey::default(),
                metadata: Pubkey::default(),
                payer: node,
                authority: node,
                system_program: system_program::ID,
            };
            stage
                .chain
                .send(&[build(claim, instruction::Claim {})], &node)?;
            stage.runs.insert(run);
            Ok(())
        }
        Step::Finish { job } => finish(stage, job),
        Step::Quit { job } => {
            let Some(job) = pick_running(stage, job) else {
                return nothing();
            };
            let (run, state) = stage.run_of(&job).unwrap();
            let quit = accounts::Quit {
                job,
                run,
                payer: state.payer,
                authority: state.node,
            };
            let quit = build(quit, instruction::Quit {});
            stage.chain.send(&[quit], &state.node)
        }
        Step::LeaveQueue { n } => {
            let authority = stage.nodes[n];
            let stop = build(accounts::Stop { market, authority }, instruction::Stop {});
            stage.chain.send(&[stop], &authority)
        }
        Step::Price { price } => update_market(stage, |market| market.job_price = price),
        Step::JobType { job_type } => update_market(stage, |market| market.job_type = job_type),
        Step::CloseMarket => {
            let authority = stage.authority;
            let close = accounts::CloseMarket {
                market,
                vault: market_vault_address(&market),
                user: nos_account(&authority, &NOS_MINT),
                authority,
                token_program,
            };
            let close = build(close, instruction::Close {});
            stage.chain.send(&[close], &authority)?;
            stage.market_closed = true;
            stage.market_robbed = true;
            Ok(())
        }
        ref other => unreachable!("{other:?} is not the market's"),
    }
}

pub(super) fn pick_running(stage: &Stage, job: usize) -> Option<Pubkey> {
    stage.pick(job, |key, _| stage.run_of(key).is_some())
}

fn finish(stage: &mut Stage, job: usize) -> Result<(), Refusal> {
    let Some(job) = pick_running(stage, job) else {
        return nothing();
    };
    let state: JobAccount = stage.job(&job).unwrap();
    let (run, run_state) = stage.run_of(&job).unwrap();
    let finish = accounts::Finish {
        job,
        run,
        market: stage.market,
        vault: market_vault_address(&stage.market),
        deposit: nos_account(&state.payer, &NOS_MINT),
        user: nos_account(&run_state.node, &NOS_MINT),
        payer_run: run_state.payer,
        payer_job: state.payer,
        authority: run_state.node,
        token_program: anchor_spl::token::ID,
    };
    let ipfs_result = [1; 32];
    let finish = build(finish, instruction::Finish { ipfs_result });
    stage.chain.send(&[finish], &run_state.node)?;
    if state.state == JOB_DONE {
        // After a double claim the market paid twice, out of others' deposits.
        stage.market_robbed = true;
    }
    Ok(())
}

/// The market's authority changes something, as `update` would.
fn update_market(
    stage: &mut Stage,
    change: impl FnOnce(&mut MarketAccount),
) -> Result<(), Refusal> {
    let Some(mut market) = stage.chain.read::<MarketAccount>(&stage.market) else {
        return nothing();
    };
    change(&mut market);
    let (key, account) = (stage.market, crate::accounts::market_on_chain(&market));
    stage.chain.set(&key, account);
    Ok(())
}
