//! Vaults: what goes in and comes out.

use crate::net::Net;
use solana_signer::Signer;

#[test]
fn what_moves_funds_is_shown_asked_for_and_exact() {
    let net = Net::start("funds");
    let dry = net.json(&["fund", "--nos", "1.5", "--sol", "0.02", "--dry-run"]);
    let changes = dry["changes"].as_array().unwrap();
    let vault_nos = changes
        .iter()
        .find(|change| change["name"] == "vault 0's NOS")
        .unwrap();
    assert_eq!(vault_nos["nos"]["after"], 1_500_000);
    let shown = net.text(&["fund", "--nos", "1.5", "--sol", "0.02", "--dry-run"]);
    assert!(
        shown.contains("+1.500000") && shown.contains("nothing was signed or sent"),
        "{shown}"
    );

    let asked = net.refused(2, &["fund", "--nos", "1.5"]);
    assert!(
        asked.contains("Move 1.5 NOS and 0 SOL into vault 0 of "),
        "{asked}"
    );
    net.json(&[
        "fund", "--nos", "1.5", "--sol", "0.02", "--vault", "7", "--yes",
    ]);
    let vault = &net.json(&["vault", "7"])[0];
    assert_eq!(
        (&vault["nos"], &vault["lamports"]),
        (&1_500_000.into(), &20_000_000.into())
    );

    net.json(&["withdraw", "--nos", "0.5", "--vault", "7", "--yes"]);
    assert_eq!(net.json(&["vault", "7"])[0]["nos"], 1_000_000);
    net.json(&[
        "withdraw", "--nos", "ALL", "--sol", "ALL", "--vault", "7", "--yes",
    ]);
    let vault = &net.json(&["vault", "7"])[0];
    assert_eq!((&vault["nos"], &vault["lamports"]), (&0.into(), &0.into()));
}

#[test]
fn anyone_may_fund_and_only_the_owner_withdraws() {
    let net = Net::start("donor");
    let owner = net.owner.pubkey().to_string();
    net.command_of(
        "keeper",
        &["fund", "--owner", &owner, "--sol", "0.01", "--yes"],
    )
    .assert()
    .success();
    assert_eq!(net.json(&["vault"])[0]["lamports"], 10_000_000);
    let others = net.command_of("keeper", &["withdraw", "--sol", "ALL", "--yes"]);
    let output = { others }.assert().code(2).get_output().clone();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("holds nothing"),
        "the keeper's own vault is empty: {said}"
    );
    assert_eq!(net.json(&["vault"])[0]["lamports"], 10_000_000);
}

#[test]
fn amounts_that_are_none_are_refused() {
    let net = Net::start("amounts");
    assert!(net
        .refused(2, &["fund", "--yes"])
        .contains("nothing to add"));
    assert!(net
        .refused(2, &["withdraw", "--yes"])
        .contains("nothing to take"));
    assert!(net
        .refused(2, &["fund", "--nos", "0.0000001"])
        .contains("use a number with at most 6 decimals"));
    assert!(net
        .refused(2, &["withdraw", "--nos", "all"])
        .contains("or ALL"));
    assert!(net
        .refused(2, &["fund", "--nos", "1000.000001", "--yes"])
        .contains("holds 1000 NOS"));
    assert!(net
        .refused(2, &["fund", "--sol", "1000", "--yes"])
        .contains("--sol: the wallet"));
    net.json(&["fund", "--sol", "0.01", "--yes"]);
    // 0.0005 SOL would be less than an empty account's rent.
    let most = net.refused(2, &["withdraw", "--sol", "0.0095", "--yes"]);
    assert!(
        most.contains("use at most 0.00910912 SOL, or ALL"),
        "{most}"
    );
    net.json(&["withdraw", "--sol", "0.00910912", "--yes"]);
    let most = net.refused(2, &["withdraw", "--nos", "1", "--yes"]);
    assert!(
        most.contains("--nos: vault 0 holds 0 NOS; use at most that"),
        "{most}"
    );
    let least = net.refused(2, &["fund", "--vault", "1", "--sol", "0.0005", "--yes"]);
    assert!(least.contains("use at least 0.00089088 SOL"), "{least}");
}

#[test]
fn a_new_vault_is_the_first_that_is_free() {
    let net = Net::start("new_vault");
    net.json(&["fund", "--vault", "1", "--sol", "0.01", "--yes"]);
    net.create(r#""replicas": 1, "strategy": "SIMPLE""#);
    let key = net.create(r#""replicas": 1, "strategy": "SIMPLE", "new_vault": true"#);
    assert_eq!(
        net.status(&key)["vault_index"],
        2,
        "0 is in use and 1 holds SOL"
    );
    let vaults = net.json(&["vault"]);
    let numbers: Vec<_> = vaults
        .as_array()
        .unwrap()
        .iter()
        .map(|vault| &vault["vault_index"])
        .collect();
    assert_eq!(numbers, [0, 2]);
}
