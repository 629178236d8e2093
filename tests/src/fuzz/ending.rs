//! Invariant 3: whatever happened, an owner and any keeper bring every deployment to an end, and the
//! owner empties the vaults.

use super::{keeper::jobs_and_runs, owner::write_off, stage::Stage};

use deployments::instructions::Amount;
use deployments_domain::status::Status;
use nosana_deploy_client::instructions as ix;

pub(super) fn reach(stage: &mut Stage) -> Result<(), String> {
    for d in 0..stage.deployments.len() {
        archive(stage, d).map_err(|broken| format!("deployment {d}: {broken}"))?;
    }
    let owner = stage.owner;
    for vault in stage.vaults {
        if stage.chain.nos(&vault.nos) == 0 && stage.chain.lamports(&vault.address) == 0 {
            continue;
        }
        let withdraw = ix::withdraw(&vault, Amount::All, Amount::All);
        stage
            .chain
            .send(&withdraw, &owner)
            .map_err(|refusal| format!("withdraw: {refusal:?}"))?;
        if stage.chain.lamports(&vault.address) > 0 || stage.chain.nos(&vault.nos) > 0 {
            return Err("the vault is not empty".into());
        }
    }
    Ok(())
}

fn archive(stage: &mut Stage, d: usize) -> Result<(), String> {
    let (owner, keeper, key) = (stage.owner, stage.keeper, stage.deployments[d]);
    // Refused where nothing runs.
    let _ = stage.by_owner(ix::stop(&owner, &key));
    while let Some(deployment) = stage.deployment(d) {
        let status = deployment.status();
        if deployment.jobs.is_empty() {
            return close(stage, d, status);
        }
        let indices: Vec<u64> = deployment.jobs.iter().map(|slot| slot.index).collect();
        let mut jobs = jobs_and_runs(stage, &deployment);
        let settle = stage.signed(&deployment, &mut jobs, |jobs| {
            let indices: Vec<u64> = jobs.iter().map(|job| job.index).collect();
            ix::settle_jobs(&keeper, &deployment, &indices)
        });
        let settled = stage.by_keeper(settle);
        let deployment = stage.deployment(d).unwrap();
        let stop = stage.signed(&deployment, &mut jobs, |jobs| {
            ix::stop_jobs(&keeper, &deployment, jobs)
        });
        let stopped = stage.by_keeper(stop);
        if settled.is_ok() || stopped.is_ok() {
            continue;
        }
        if !stage.market_robbed {
            return Err(format!(
                "{status}: no keeper can go on: {settled:?}, {stopped:?}"
            ));
        }
        // The market is closed, or cannot pay: the owner gives a job up.
        let outcome = (0..indices.len())
            .map(|job| write_off(stage, d, job))
            .find(Result::is_ok);
        if outcome.is_none() {
            return Err(format!("{status}: stranded: {settled:?}, {stopped:?}"));
        }
    }
    Ok(())
}

fn close(stage: &mut Stage, d: usize, status: Status) -> Result<(), String> {
    let (owner, key) = (stage.owner, stage.deployments[d]);
    if status != Status::Archived {
        stage
            .by_owner(ix::archive(&owner, &key))
            .map_err(|refusal| format!("{status}: archive: {refusal:?}"))?;
    }
    let latest = stage
        .deployment(d)
        .map_or(1, |deployment| deployment.header.latest_revision);
    stage
        .by_owner(ix::close(&owner, &key))
        .map_err(|refusal| format!("close: {refusal:?}"))?;
    for number in 2..=latest {
        // Some may be closed already.
        let _ = stage.by_owner(ix::close_revision(&owner, &key, number));
        let revision = nosana_deploy_client::seeds::revision_address(&key, number).0;
        if stage.chain.account(&revision).is_some() {
            return Err(format!("the rent of revision {number} is stranded"));
        }
    }
    Ok(())
}
