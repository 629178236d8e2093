//! What an attacker tries who owns nothing here. No attack may move a balance the wrong way, which
//! [`super::check`] would see; one that goes through may only do what any keeper may do.

use super::{
    keeper::{list_jobs, reclaim},
    stage::Stage,
};
use crate::{shown, Failure, FLOOR};
use deployments::{
    instructions::{Amount, UpdateArgs},
    settings::SettingsArgs,
};
use nosana_deploy_client::{
    instructions::{self as ix, JobRun},
    jobs_program::account::JOB_DONE,
    markets::Run,
    seeds,
};
use solana_program::{instruction::Instruction, pubkey::Pubkey};

/// How many kinds of attack there are.
pub(super) const KINDS: u8 = 11;

pub(super) fn attack(stage: &mut Stage, kind: u8, d: usize, job: usize) -> Result<(), Failure> {
    let (key, me) = (stage.deployments[d], stage.attacker);
    let Some(deployment) = stage.deployment(d) else {
        return Err(Failure::Named("closed".into()));
    };
    let next = deployment.header.next_job_index;
    let instruction = match kind {
        // Lamports to addresses that will be jobs, runs, or are vaults.
        0 => {
            let targets = [
                seeds::job_address(&key, next).0,
                seeds::run_address(&key, next).0,
                stage.vault_of(d).address,
                key,
            ];
            solana_system_interface::instruction::transfer(
                &me,
                &targets[job % targets.len()],
                FLOOR,
            )
        }
        // A finished job cleaned at once, by a market of one's own.
        1 => match stage.pick(job, |_, state| state.state == JOB_DONE) {
            Some(done) => {
                let payer = stage.job(&done).unwrap().payer;
                ix::clean_job(&done, &stage.foreign_market, &payer)
            }
            None => return Err(Failure::Named("none done".into())),
        },
        // Another deployment's job in place of this one's.
        2 => {
            let indices: Vec<u64> = deployment.jobs.iter().map(|slot| slot.index).collect();
            let mut settle = ix::settle_jobs(&me, &deployment, &indices);
            let foreign = stage.pick(job, |_, _| true).unwrap_or(me);
            if let Some(last) = settle.accounts.last_mut() {
                last.pubkey = foreign;
            }
            settle
        }
        // A bump that is not the canonical one: the job would be where nobody looks for it.
        3 => {
            let mut list = ix::list_jobs(&me, &deployment, 1);
            if let Some((address, bump)) = odd_job_address(&key, next) {
                let position = list.accounts.len() - 2;
                list.accounts[position].pubkey = address;
                let at = list.data.len() - 2;
                list.data[at] = bump;
            }
            return list_jobs(stage, d, &deployment, list);
        }
        // The node's pay and the run's rent to oneself; or another job's run.
        4 | 5 => {
            let Some(slot) = deployment.jobs.get(job % deployment.jobs.len().max(1)) else {
                return Err(Failure::Named("none active".into()));
            };
            let mine = deployment.job_address(slot.index);
            let other = stage.pick(job, |key, _| stage.run_of(key).is_some());
            let target = if kind == 4 { Some(mine) } else { other };
            let run = target.and_then(|job| stage.known_run(&job));
            let run = run.map(|run| Run {
                node: if kind == 4 { me } else { run.node },
                payer: if kind == 4 { me } else { run.payer },
                ..run
            });
            let index = slot.index;
            ix::stop_jobs(&me, &deployment, &[JobRun { index, run }])
        }
        // What only the owner may, without the owner's signature and with one's own.
        6 => unsigned(ix::withdraw(&stage.vault_of(d), Amount::All, Amount::All)[1].clone()),
        7 => {
            let replicas = Some(3);
            let args = UpdateArgs::from(SettingsArgs {
                replicas,
                ..SettingsArgs::default()
            });
            let index = deployment.jobs.first().map_or(0, |slot| slot.index);
            let attempts = [
                ix::start(&me, &key),
                ix::stop(&me, &key),
                ix::archive(&me, &key),
                ix::close(&me, &key),
                ix::extend(&me, &key, 1),
                ix::update(&me, &key, args),
                ix::write_off(&me, &deployment.address, &deployment.header.market, index),
                ix::add_revision(&me, &key, deployment.header.latest_revision + 1, [9; 32]),
            ];
            let attempt = attempts[job % attempts.len()].clone();
            let outcome = stage.by_attacker(attempt);
            assert!(outcome.is_err(), "a stranger steered a deployment");
            return outcome;
        }
        // The same job many times in one call.
        8 => {
            let indices = vec![deployment.jobs.first().map_or(0, |slot| slot.index); 5];
            ix::settle_jobs(&me, &deployment, &indices)
        }
        // Another job's run, or none, as proof that a job runs.
        9 => {
            let run = stage.runs.iter().nth(job).copied().unwrap_or(key);
            let jobs: Vec<JobRun> = deployment
                .jobs
                .iter()
                .map(|slot| shown(slot.index, run))
                .collect();
            match job % 2 {
                0 => ix::track_jobs(&me, &deployment, &jobs),
                _ => ix::extend_jobs(&me, &deployment, &jobs),
            }
        }
        // The deposit of any job, active or not.
        _ => match stage.pick(job, |_, _| true) {
            Some(any) => reclaim(stage, &any),
            None => return Err(Failure::Named("none listed".into())),
        },
    };
    stage.by_attacker(instruction)
}

/// The highest bump below the canonical one that derives an address too.
fn odd_job_address(key: &Pubkey, index: u64) -> Option<(Pubkey, u8)> {
    let (_, canonical) = seeds::job_address(key, index);
    (0..canonical)
        .rev()
        .find_map(|bump| Some((seeds::job_address_with_bump(key, index, bump)?, bump)))
}

fn unsigned(mut instruction: Instruction) -> Instruction {
    for account in &mut instruction.accounts {
        account.is_signer = false;
    }
    instruction
}
