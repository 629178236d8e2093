//! What owners send.

use super::{
    scene::{spec, Scene},
    Queue, Row,
};
use crate::chain::Chain;
use deployments::instructions::{Amount, UpdateArgs};
use deployments_domain::settings::Strategy;
use nosana_deploy_client::{instructions as ix, seeds};

/// Expressions that fire often, seldom, and hardly ever.
const SCHEDULES: [(&str, &str); 5] = [
    ("every midnight", "0 0 * * *"),
    ("weekdays or the 13th", "0 12 13 * 1-5"),
    ("31st of a month", "0 0 31 * *"),
    ("29 February", "0 0 29 2 *"),
    ("last minute before a leap day's end", "59 23 29 2 *"),
];

pub(super) fn measure(rows: &mut Vec<Row>) {
    let base = Chain::new();
    let simple = spec(Strategy::SimpleExtend, 2, "");
    let mut scene = Scene::new(&base, Queue::Empty);
    let (owner, vault, key) = (scene.owner, scene.vault, scene.key);
    let [vault_nos, create] = ix::create(&owner, 0, &simple);
    scene.does(&[vault_nos]);
    let mut note = |scene: &mut Scene, name: &str, of| rows.push(scene.measure(name, owner, 0, of));
    note(&mut scene, "create", create);
    let [_, fund] = ix::fund(&owner, &vault, 1_000_000_000, 1_000_000_000);
    note(&mut scene, "fund", fund);
    note(&mut scene, "start", ix::start(&owner, &key));
    note(&mut scene, "stop", ix::stop(&owner, &key));
    note(&mut scene, "extend", ix::extend(&owner, &key, 1));
    let more = UpdateArgs {
        name: Some("another name".into()),
        replicas: Some(5),
        timeout_seconds: Some(7_200),
        max_price_per_second: Some(1_000),
        ..UpdateArgs::default()
    };
    note(
        &mut scene,
        "update, five more slots",
        ix::update(&owner, &key, more),
    );
    let add = ix::add_revision(&owner, &key, 2, [2; 32]);
    note(&mut scene, "add_revision", add);
    let back = UpdateArgs {
        revision: Some(1),
        ..UpdateArgs::default()
    };
    note(
        &mut scene,
        "update, roll back",
        ix::update(&owner, &key, back),
    );
    note(
        &mut scene,
        "close_revision",
        ix::close_revision(&owner, &key, 2),
    );
    scene.does(&[ix::stop(&owner, &key)]);
    let [_, withdraw] = ix::withdraw(&vault, Amount::All, Amount::All);
    note(&mut scene, "withdraw", withdraw);
    note(&mut scene, "archive", ix::archive(&owner, &key));
    note(&mut scene, "close", ix::close(&owner, &key));
    assert!(scene
        .chain
        .account(&seeds::deployment_address(&owner, 0).0)
        .is_none());

    for (name, cron) in SCHEDULES {
        let mut scene = Scene::new(&base, Queue::Empty);
        scene.does(&ix::create(&owner, 0, &spec(Strategy::Scheduled, 1, cron)));
        let name = format!("start, next firing of {name} ({cron})");
        rows.push(scene.measure(&name, owner, 0, ix::start(&owner, &key)));
    }
}
