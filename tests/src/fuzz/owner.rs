//! What the owner does.

use super::{
    play::{nothing, to_any},
    scenario::Step,
    stage::Stage,
};
use crate::{Failure, COST};
use deployments::{
    instructions::{Amount, UpdateArgs},
    settings::SettingsArgs,
};
use deployments_domain::cron::Schedule;
use nosana_deploy_client::instructions as ix;

pub(super) fn by_the_owner(stage: &mut Stage, step: &Step) -> Result<(), Failure> {
    let owner = stage.owner;
    let update = |d: &usize, stage: &Stage, args| ix::update(&owner, &stage.deployments[*d], args);
    let none = SettingsArgs::default();
    let instruction = match step {
        Step::Start { d } => {
            return to_any(stage, *d, |stage, d| {
                stage.by_owner(ix::start(&owner, &stage.deployments[d]))
            })
        }
        Step::Stop { d } => ix::stop(&owner, &stage.deployments[*d]),
        Step::Drain { d } => ix::drain(&owner, &stage.deployments[*d]),
        Step::Trigger { d } => {
            return to_any(stage, *d, |stage, d| {
                stage.by_owner(ix::trigger(&owner, &stage.deployments[d]))
            })
        }
        Step::Restart { d, job } => {
            let Some(deployment) = stage.deployment(*d) else {
                return nothing();
            };
            let slot = job.and_then(|job| deployment.jobs.get(job));
            ix::restart(&owner, &stage.deployments[*d], slot.map(|slot| slot.index))
        }
        Step::LimitQueue { d, minutes } => {
            let max_queue_seconds = Some(minutes * 60);
            let args = UpdateArgs::from(SettingsArgs {
                max_queue_seconds,
                ..none
            });
            return to_any(stage, *d, |stage, d| {
                stage.by_owner(ix::update(&owner, &stage.deployments[d], args.clone()))
            });
        }
        Step::AccessKey { d, key } => {
            let key = stage.access_keys.get(usize::from(*key));
            let args = UpdateArgs {
                access_key: Some(key.copied().unwrap_or_default()),
                ..UpdateArgs::default()
            };
            update(d, stage, args)
        }
        Step::Move { d, second } => {
            let market = match second {
                true => stage.second_market,
                false => stage.market,
            };
            return to_any(stage, *d, |stage, d| {
                let args = UpdateArgs::default();
                stage.by_owner(ix::move_to(&owner, &stage.deployments[d], &market, args))
            });
        }
        Step::Archive { d } => {
            return to_any(stage, *d, |stage, d| {
                stage.by_owner(ix::archive(&owner, &stage.deployments[d]))
            })
        }
        Step::Close { d } => {
            return to_any(stage, *d, |stage, d| {
                stage.by_owner(ix::close(&owner, &stage.deployments[d]))
            })
        }
        Step::Extend { d, more } => {
            return to_any(stage, *d, |stage, d| {
                stage.by_owner(ix::extend(&owner, &stage.deployments[d], *more))
            })
        }
        Step::Scale { d, replicas } => {
            let replicas = Some(*replicas);
            update(
                d,
                stage,
                UpdateArgs::from(SettingsArgs { replicas, ..none }),
            )
        }
        Step::Retime { d, minutes } => {
            let timeout_seconds = Some(minutes * 60);
            update(
                d,
                stage,
                UpdateArgs::from(SettingsArgs {
                    timeout_seconds,
                    ..none
                }),
            )
        }
        Step::Reprice { d, cap } => {
            let max_price_per_second = Some(*cap);
            update(
                d,
                stage,
                UpdateArgs::from(SettingsArgs {
                    max_price_per_second,
                    ..none
                }),
            )
        }
        Step::Reschedule {
            d,
            hourly,
            overlap,
            run_due,
        } => {
            let text = if *hourly { "0 * * * *" } else { "*/10 * * * *" };
            let schedule = Some(Schedule::parse(text).unwrap().into());
            let overlap = Some(*overlap);
            let args = UpdateArgs {
                run_due: *run_due,
                ..UpdateArgs::from(SettingsArgs {
                    schedule,
                    overlap,
                    ..none
                })
            };
            return to_any(stage, *d, |stage, d| {
                stage.by_owner(ix::update(&owner, &stage.deployments[d], args.clone()))
            });
        }
        Step::RollTo { d, revision } => {
            let revision = Some(*revision);
            let args = UpdateArgs {
                revision,
                ..UpdateArgs::default()
            };
            update(d, stage, args)
        }
        Step::AddRevision { d } => {
            let Some(deployment) = stage.deployment(*d) else {
                return nothing();
            };
            let number = deployment.header.latest_revision + 1;
            let digest = [u8::try_from(number % 250).unwrap(); 32];
            ix::add_revision(&owner, &stage.deployments[*d], number, digest)
        }
        Step::CloseRevision { d, revision } => {
            ix::close_revision(&owner, &stage.deployments[*d], *revision)
        }
        Step::WriteOff { d, job } => {
            return to_any(stage, *d, |stage, d| write_off(stage, d, *job))
        }
        Step::Fund { v, jobs, lamports } => {
            let vault = stage.vaults[*v];
            let fund = ix::fund(&owner, &vault, jobs * COST, *lamports);
            return stage.chain.send(&fund, &owner).map(drop);
        }
        Step::Withdraw {
            v,
            nos_percent,
            lamports_percent,
        } => {
            let vault = stage.vaults[*v];
            let share = |balance: u64, percent: u64| match percent {
                100 => Amount::All,
                _ => Amount::Exact(balance / 100 * percent),
            };
            let nos = share(stage.chain.nos(&vault.nos), *nos_percent);
            let lamports = share(stage.chain.lamports(&vault.address), *lamports_percent);
            let withdraw = ix::withdraw(&vault, nos, lamports);
            return stage.chain.send(&withdraw, &owner).map(drop);
        }
        other => unreachable!("{other:?} is not an owner's"),
    };
    stage.by_owner(instruction)
}

pub(super) fn write_off(stage: &mut Stage, d: usize, job: usize) -> Result<(), Failure> {
    let Some(deployment) = stage
        .deployment(d)
        .filter(|deployment| !deployment.jobs.is_empty())
    else {
        return nothing();
    };
    let index = deployment.jobs[job % deployment.jobs.len()].index;
    let address = deployment.job_address(index);
    stage.by_owner(ix::write_off(
        &stage.owner,
        &deployment.address,
        &deployment.header.market,
        index,
    ))?;
    stage.written_off.insert(address);
    Ok(())
}
