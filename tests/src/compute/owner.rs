//! What owners send.

use super::{
    scene::{named, spec, Scene},
    Bench, Luck, Queue, Row,
};
use deployments::{
    instructions::{Amount, UpdateArgs},
    settings::SettingsArgs,
};
use deployments_domain::settings::Strategy;
use nosana_deploy_client::{instructions as ix, seeds};
use solana_program::instruction::Instruction;

pub(super) fn measure(bench: &Bench) -> Vec<Row> {
    let mut rows = life(bench);
    rows.push(write_off(bench));
    rows.push(restart(bench));
    rows
}

/// Everything that an owner does to a deployment, from the first to the last.
fn life(bench: &Bench) -> Vec<Row> {
    let simple = spec(Strategy::SimpleExtend, 2, "");
    let mut rows = Vec::new();
    let mut scene = Scene::new(bench, Queue::Empty);
    let (owner, vault, key) = (scene.owner, scene.vault, scene.key);
    let [vault_nos, create] = ix::create(&owner, 0, &simple);
    scene.does(&[vault_nos]);
    let mut note =
        |scene: &mut Scene, name: &str, of: Instruction| rows.push(scene.of_owner(name, of));
    note(&mut scene, "create, a wallet's first", create);
    let [_, another] = ix::create(&owner, 1, &spec(Strategy::Scheduled, 2, "0 0 29 2 *"));
    note(&mut scene, "create, a later one", another);
    let [_, fund] = ix::fund(&owner, &vault, 1_000_000_000, 1_000_000_000);
    note(&mut scene, "fund", fund);
    note(&mut scene, "start", ix::start(&owner, &key));
    note(&mut scene, "stop", ix::stop(&owner, &key));
    note(&mut scene, "extend", ix::extend(&owner, &key, 1));
    let more = UpdateArgs {
        name: Some("another name".into()),
        settings: SettingsArgs {
            replicas: Some(5),
            timeout_seconds: Some(7_200),
            max_price_per_second: Some(1_000),
            ..SettingsArgs::default()
        },
        ..UpdateArgs::default()
    };
    let update = ix::update(&owner, &key, more);
    note(&mut scene, "update, five more slots", update);
    let add = ix::add_revision(&owner, &key, 2, [2; 32]);
    note(&mut scene, "add_revision", add);
    let back = UpdateArgs {
        revision: Some(1),
        ..UpdateArgs::default()
    };
    let update = ix::update(&owner, &key, back);
    note(&mut scene, "update, roll back", update);
    let close_revision = ix::close_revision(&owner, &key, 2);
    note(&mut scene, "close_revision", close_revision);
    scene.does(&[ix::stop(&owner, &key)]);
    let to = ix::move_to(&owner, &key, &named("market"), UpdateArgs::default());
    note(&mut scene, "update, another market", to);
    let [_, withdraw] = ix::withdraw(&vault, Amount::All, Amount::All);
    note(&mut scene, "withdraw", withdraw);
    note(&mut scene, "archive", ix::archive(&owner, &key));
    note(&mut scene, "close", ix::close(&owner, &key));
    assert!(scene.chain.account(&key).is_none());
    let scheduled = seeds::deployment_address(&owner, 1).0;
    let start = ix::start(&owner, &scheduled);
    note(&mut scene, "start, SCHEDULED on 29 February", start);
    let trigger = ix::trigger(&owner, &scheduled);
    note(&mut scene, "trigger", trigger);
    scene.chain.set_rent(696);
    let reclaim = ix::reclaim_rent(&owner, &[seeds::owner_address(&owner).0, scheduled]);
    note(&mut scene, "reclaim_rent: 2", reclaim);
    rows
}

/// Instructions that derive a wallet's addresses, measured for many wallets.
pub(super) fn luck(bench: &Bench) -> Vec<Luck> {
    let mut found: Vec<Luck> = Vec::new();
    for number in 0..Luck::WALLETS {
        let owner = named(&format!("another owner {number}"));
        let mut scene = Scene::owned_by(bench, Queue::Empty, owner);
        let vault = scene.vault;
        let [vault_nos, create] = ix::create(&owner, 0, &spec(Strategy::Simple, 2, ""));
        scene.does(&[vault_nos]);
        let [_, fund] = ix::fund(&owner, &vault, 1_000, 1_000_000_000);
        let [_, withdraw] = ix::withdraw(&vault, Amount::All, Amount::All);
        let add_revision = ix::add_revision(&owner, &scene.key, 2, [2; 32]);
        for (name, instruction) in [
            ("create, a wallet's first", create),
            ("add_revision", add_revision),
            ("fund", fund),
            ("withdraw", withdraw),
        ] {
            let units = scene.of_owner(name, instruction).compute_units;
            match found.iter_mut().find(|luck| luck.name == name) {
                Some(luck) => {
                    luck.least = luck.least.min(units);
                    luck.most = luck.most.max(units);
                }
                None => found.push(Luck {
                    name: name.into(),
                    least: units,
                    most: units,
                }),
            }
        }
    }
    found
}

/// All jobs of a deployment.
fn restart(bench: &Bench) -> Row {
    let mut scene = Scene::listed(bench, Strategy::Simple, 8);
    let restart = ix::restart(&scene.owner, &scene.key, None);
    scene.of_owner("restart: 8", restart)
}

/// A job that no keeper can settle: its market is gone.
fn write_off(bench: &Bench) -> Row {
    let mut scene = Scene::listed(bench, Strategy::Simple, 1);
    let market = scene.deployment().header.market;
    scene.chain.set(&market, Default::default());
    let found = scene.deployment();
    let write_off = ix::write_off(&scene.owner, &found.address, &found.header.market, 0);
    scene.of_owner("write_off", write_off)
}
