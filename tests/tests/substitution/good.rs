//! For each instruction of the IDL a state in which it succeeds, and the instruction.

use crate::scene::Scene;
use deployments::instructions::{Amount, UpdateArgs};
use deployments_domain::{
    cron::Schedule,
    settings::{Settings, Strategy},
};
use deployments_tests::{shown, NOW, TIMEOUT};
use nosana_deploy_client::{
    instructions::{self as ix, JobRun},
    seeds, DeploymentSpec,
};
use solana_program::instruction::Instruction;

/// Names of the accounts that follow the ones in the IDL, where an instruction takes further ones.
pub(crate) fn remaining(instruction: &str) -> &'static [&'static str] {
    match instruction {
        "list_jobs" => &["new_job", "new_run", "access_key"],
        "settle_jobs" => &["job", "access_key"],
        "clean_jobs" => &["job"],
        "stop_jobs" => &["job", "run", "node_nos", "run_payer", "access_key"],
        "track_jobs" => &["job", "run"],
        "extend_jobs" => &["job", "run", "access_key"],
        "reclaim_job" => &["access_key"],
        "reclaim_rent" => &["deployment"],
        _ => &[],
    }
}

/// The instruction called `name`, and the scene made ready for it.
pub(crate) fn good(name: &str, base: &Scene) -> (Scene, Instruction) {
    let mut scene = base.clone();
    let own = scene.own;
    let (owner, key, keeper) = (own.owner, own.key, scene.keeper);
    let running = shown(0, own.run);
    let access_key = scene.access_key;
    let signed = |instruction| ix::with_access_key(instruction, &access_key);
    let instruction = match name {
        "create" => {
            let spec = DeploymentSpec {
                market: scene.market,
                ..simple()
            };
            ix::create(&owner, 2, &spec)[1].clone()
        }
        "fund" => ix::fund(&owner, &own.vault, 5, 5)[1].clone(),
        "withdraw" => ix::withdraw(&own.vault, Amount::Exact(5), Amount::Exact(5))[1].clone(),
        "start" => {
            ended(&mut scene);
            ix::start(&owner, &key)
        }
        "stop" => ix::stop(&owner, &key),
        "archive" => {
            ended(&mut scene);
            ix::archive(&owner, &key)
        }
        "close" => {
            ended(&mut scene);
            scene.send(&[ix::archive(&owner, &key)], &owner);
            ix::close(&owner, &key)
        }
        "trigger" => {
            let spec = DeploymentSpec {
                market: scene.market,
                autostart: true,
                settings: Settings {
                    schedule: Schedule::parse("0 0 * * *").ok(),
                    ..Settings::new(Strategy::Scheduled)
                },
                ..simple()
            };
            scene.send(&ix::create(&owner, 2, &spec), &owner);
            ix::trigger(&owner, &seeds::deployment_address(&owner, 2).0)
        }
        "restart" => ix::restart(&owner, &key, None),
        "update" => {
            ended(&mut scene);
            ix::move_to(&owner, &key, &scene.second_market, to_revision_2())
        }
        "add_revision" => ix::add_revision(&owner, &key, 4, [4; 32]),
        "close_revision" => ix::close_revision(&owner, &key, 2),
        "extend" => ix::extend(&owner, &key, 1),
        // The job runs, which cannot be proven without its run: the owner may give it up.
        "write_off" => ix::write_off(&owner, &key, &scene.market, 0),
        "list_jobs" => {
            scene.send(&[ix::extend(&owner, &key, 1)], &owner);
            ix::list_jobs(&keeper, &scene.decoded(&key), 1)
        }
        "settle_jobs" => {
            scene.quit();
            signed(ix::settle_jobs(&keeper, &scene.decoded(&key), &[0]))
        }
        "stop_jobs" => {
            scene.send(&[ix::stop(&owner, &key)], &owner);
            let job = JobRun {
                index: 0,
                run: Some(own.run_of_job()),
            };
            signed(ix::stop_jobs(&keeper, &scene.decoded(&key), &[job]))
        }
        "track_jobs" => {
            scene.send(&[ix::update(&owner, &key, to_revision_2())], &owner);
            ix::track_jobs(&keeper, &scene.decoded(&key), &[running])
        }
        "extend_jobs" => {
            scene.chain.set_time(NOW + i64::from(TIMEOUT));
            signed(ix::extend_jobs(&keeper, &scene.decoded(&key), &[running]))
        }
        "reclaim_job" => {
            let write_off = ix::write_off(&owner, &key, &scene.market, 0);
            scene.send(&[write_off], &owner);
            let job = JobRun {
                index: 0,
                run: Some(own.run_of_job()),
            };
            signed(ix::reclaim_job(&own.vault, &key, &scene.market, &job))
        }
        "reclaim_rent" => {
            scene.chain.set_rent(5_080);
            ix::reclaim_rent(&owner, &[key])
        }
        "clean_jobs" => {
            scene.finish();
            let settle = ix::settle_jobs(&keeper, &scene.decoded(&key), &[0]);
            scene.send(&[settle], &keeper);
            scene.chain.set_time(NOW + 100 * i64::from(TIMEOUT));
            ix::clean_jobs(&keeper, &own.vault, &key, &scene.market, &[0])
        }
        other => panic!("the IDL has an instruction {other} that this test does not know"),
    };
    (scene, instruction)
}

fn to_revision_2() -> UpdateArgs {
    UpdateArgs {
        revision: Some(2),
        ..UpdateArgs::default()
    }
}

/// Brings the own deployment to STOPPED.
fn ended(scene: &mut Scene) {
    let own = scene.own;
    let write_off = ix::write_off(&own.owner, &own.key, &scene.market, 0);
    scene.send(&[write_off], &own.owner);
}

fn simple() -> DeploymentSpec {
    let text = r#"{"name": "third", "market": "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ",
        "replicas": 1, "timeout": 60, "strategy": "SIMPLE",
        "job_definition": {"version": "0.1", "type": "container", "ops": [
            {"type": "container/run", "id": "a", "args": {"image": "ubuntu"}}
        ]}}"#;
    DeploymentSpec::from_json(text).unwrap()
}
