//! What nodes and the market's authority do.

use super::{play::nothing, scenario::Step, stage::Stage};
use crate::{market_account, market_on_chain, Failure};
use nosana_deploy_client::{
    instructions::{market_vault_address, nos_account_address},
    jobs_program::{
        account::{JOB_DONE, JOB_STOPPED},
        instruction::Close,
        node::Node,
    },
};
use nosana_jobs_localnet::state::MarketAccount;
use solana_program::pubkey::Pubkey;

pub(super) fn on_the_market(stage: &mut Stage, step: &Step) -> Result<(), Failure> {
    let market = stage.market;
    match *step {
        Step::Work { n } => {
            let market = stage.market_with_jobs();
            let (run, node) = (stage.key(), Node(stage.nodes[n]));
            stage.chain.send(&[node.work(&run, &market)], &node.0)?;
            stage.runs.insert(run);
            Ok(())
        }
        Step::Claim { n, job } => {
            let Some(job) = stage.pick(job, |_, state| state.state == JOB_STOPPED) else {
                return nothing();
            };
            let (run, node) = (stage.key(), Node(stage.nodes[n]));
            let market = stage.job(&job).unwrap().market;
            let claim = node.claim(&job, &run, &market);
            stage.chain.send(&[claim], &node.0)?;
            stage.runs.insert(run);
            Ok(())
        }
        Step::Finish { job } => finish(stage, job),
        Step::Quit { job } => {
            let Some(job) = pick_running(stage, job) else {
                return nothing();
            };
            let (node, assignment) = stage.assignment(job).unwrap();
            stage
                .chain
                .send(&[node.quit(&assignment)], &node.0)
                .map(drop)
        }
        Step::LeaveQueue { n } => {
            let node = Node(stage.nodes[n]);
            stage.chain.send(&[node.leave(&market)], &node.0).map(drop)
        }
        Step::Price { price } => update_market(stage, |market| market.job_price = price),
        Step::JobType { job_type } => update_market(stage, |market| market.job_type = job_type),
        Step::Fee { bps } => {
            stage.set_fee(bps);
            Ok(())
        }
        Step::OpenAnew => {
            if stage.chain.account(&market).is_some() {
                return nothing();
            }
            let anew = market_account(stage.authority, &market);
            stage.chain.set(&market, market_on_chain(&anew));
            Ok(())
        }
        Step::CloseMarket => {
            let authority = stage.authority;
            let close = Close {
                market: &market,
                vault: &market_vault_address(&market),
                user: &nos_account_address(&authority),
                authority: &authority,
            };
            stage.chain.send(&[close.instruction()], &authority)?;
            stage.market_robbed = true;
            Ok(())
        }
        ref other => unreachable!("{other:?} is not the market's"),
    }
}

pub(super) fn pick_running(stage: &Stage, job: usize) -> Option<Pubkey> {
    stage.pick(job, |key, _| stage.run_of(key).is_some())
}

fn finish(stage: &mut Stage, job: usize) -> Result<(), Failure> {
    let Some(job) = pick_running(stage, job) else {
        return nothing();
    };
    let was_done = stage.job(&job).unwrap().state == JOB_DONE;
    let (node, assignment) = stage.assignment(job).unwrap();
    let finish = node.finish(&assignment, &[1; 32]);
    stage.chain.send(&[finish], &node.0)?;
    if was_done {
        // After a double claim the market has paid twice, out of others' deposits.
        stage.market_robbed = true;
    }
    Ok(())
}

/// The market's authority changes something, as `update` would.
fn update_market(
    stage: &mut Stage,
    change: impl FnOnce(&mut MarketAccount),
) -> Result<(), Failure> {
    let Some(mut market) = stage.chain.read::<MarketAccount>(&stage.market) else {
        return nothing();
    };
    change(&mut market);
    let (key, account) = (stage.market, market_on_chain(&market));
    stage.chain.set(&key, account);
    Ok(())
}
