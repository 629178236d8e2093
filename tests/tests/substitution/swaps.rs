//! What each account is replaced by, and which replacements are harmless.

use crate::scene::Scene;
use anchor_spl::associated_token::get_associated_token_address as nos_account;
use nosana_deploy_client::{instructions::market_vault_address, seeds};
use nosana_jobs_interface::NOS_MINT;
use solana_program::pubkey::Pubkey;

/// Accounts of the same kind that somebody could pass instead, and whose they are.
pub(crate) fn impostors(scene: &Scene, account: &str) -> Vec<(&'static str, Pubkey)> {
    let (own, sibling, foreign) = (scene.own, scene.sibling, scene.foreign);
    let second_vault = nosana_deploy_client::instructions::Vault::new(own.owner, 1);
    let others = "another owner's";
    let siblings = "another deployment's";
    let markets = "another market's";
    match account {
        "owner" => vec![(others, foreign.owner)],
        "owner_account" => vec![(others, seeds::owner_address(&foreign.owner).0)],
        "deployment" => vec![(others, foreign.key), (siblings, sibling.key)],
        "vault" => vec![
            (others, foreign.vault.address),
            ("the owner's second vault", second_vault.address),
        ],
        "vault_nos" => vec![
            (others, foreign.vault.nos),
            ("the owner's second vault's", second_vault.nos),
            ("the owner's own", nos_account(&own.owner, &NOS_MINT)),
        ],
        "owner_nos" | "funder_nos" => vec![(others, nos_account(&foreign.owner, &NOS_MINT))],
        "nos_mint" => vec![("another mint", scene.second_mint)],
        "market" => vec![(markets, scene.second_market)],
        "market_vault" => vec![(markets, market_vault_address(&scene.second_market))],
        "revision" => vec![
            (others, seeds::revision_address(&foreign.key, 2).0),
            (siblings, seeds::revision_address(&sibling.key, 2).0),
            ("another number's", seeds::revision_address(&own.key, 3).0),
        ],
        "job" | "new_job" => vec![(others, foreign.job), (siblings, sibling.job)],
        "run" | "new_run" => vec![(others, foreign.run), (siblings, sibling.run)],
        "node_nos" => vec![("another node's", nos_account(&foreign.node, &NOS_MINT))],
        "run_payer" => vec![("another node's", foreign.node)],
        "keeper" | "funder" | "payer" => vec![("somebody else", foreign.owner)],
        "access_key" => vec![("another key", foreign.owner)],
        "rewards_reflection" | "rewards_vault" => vec![("the market's", scene.market)],
        "event_authority" => vec![("an event authority's impostor", scene.keeper)],
        "program" => vec![("the jobs program", nosana_jobs_interface::JOBS_PROGRAM)],
        "rewards_program" | "jobs_program" | "token_program" | "system_program" => vec![
            ("the deployments program", nosana_deploy_client::PROGRAM_ID),
            (
                "the associated token program",
                anchor_spl::associated_token::ID,
            ),
        ],
        other => panic!("the IDL has an account {other} that this test does not know"),
    }
}

/// Names of the runtime that say what is wrong: an account is written to, or loses lamports, that the
/// transaction gave read-only, or a reward would leave its receiver below the rent-exempt minimum.
pub(crate) fn is_telling(error: &str) -> bool {
    [
        "PrivilegeEscalation",
        "ReadonlyLamportChange",
        "InsufficientFundsForRent",
    ]
    .iter()
    .any(|name| error.contains(name))
}

/// Replacements that may go through, because they do no harm, and why.
pub(crate) fn harmless(
    instruction: &str,
    account: &str,
    replaced_by: &str,
) -> Option<&'static str> {
    match (instruction, account, replaced_by) {
        (_, "keeper" | "payer", "somebody else" | "a random key") => {
            Some("anyone may be the keeper, and pays for it")
        }
        ("create" | "update", "market", "another market's") => Some("the owner chooses the market"),
        (
            "start" | "stop" | "archive" | "close" | "update" | "extend" | "add_revision"
            | "restart" | "reclaim_rent",
            "deployment",
            "another deployment's",
        ) => Some("it is the owner's own"),
        ("list_jobs" | "extend_jobs" | "settle_jobs", "access_key", "itself, read-only") => {
            Some("it only signs")
        }
        ("close_revision", "revision", "another number's") => {
            Some("it is the owner's own, and does not run either")
        }
        ("track_jobs", "job" | "run", "itself, read-only")
        | ("extend_jobs", "run", "itself, read-only") => Some("it is only read"),
        _ => None,
    }
}
