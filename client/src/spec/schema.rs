//! The JSON Schema of deployments, for editors: they complete and check while a person types. What
//! decides is [`DeploymentSpec::from_json`](super::DeploymentSpec::from_json), whose rules are the
//! domain crate's; bounds here are the same constants.

use crate::job::{self, schema::JobDefinition};
use deployments_domain::settings::{
    MAX_FEE_BPS, MAX_KEEPER_REWARD_LAMPORTS, MAX_NAME_BYTES, MAX_REPLICAS, MAX_RETRIES,
    MAX_TIMEOUT_SECONDS,
};
use schemars::JsonSchema;
use serde_json::Value;

const MAX_TIMEOUT_MINUTES: u32 = MAX_TIMEOUT_SECONDS / 60;

/// A deployment on Nosana's GPU markets
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Deployment")]
#[allow(dead_code)] // Described, never built.
struct File {
    /// The name that people see, at most 64 bytes
    #[schemars(length(max = MAX_NAME_BYTES))]
    name: String,
    /// The GPU market's account, a base58 public key
    #[schemars(regex(pattern = "^[1-9A-HJ-NP-Za-km-z]{32,44}$"))]
    market: String,
    /// Jobs per round, 1 to 100; also 0 with SCHEDULED and INFINITE, for none until there are to be some
    #[schemars(range(max = MAX_REPLICAS))]
    replicas: u32,
    /// Longest run of one job in minutes, 1 to 43200; at least 60 with INFINITE
    #[schemars(range(min = 1, max = MAX_TIMEOUT_MINUTES))]
    timeout: u64,
    /// When and how often replicas are listed
    strategy: StrategyName,
    /// SCHEDULED: a cron expression of five fields in UTC, for example "0 0 * * *"
    schedule: Option<String>,
    /// SCHEDULED: what a firing does while jobs are active; ALLOW if left out
    overlap: Option<OverlapName>,
    /// INFINITE: minutes by which a replacement is listed before a job's deadline; 20 if left out
    #[schemars(range(min = 1))]
    rotation_time: Option<u32>,
    /// SIMPLE-EXTEND: whether running jobs are prolonged before their deadline; false if left out
    auto_extend: Option<bool>,
    /// Most NOS base units per second that the market may ask, or "none"; half as much again as its
    /// price at creation if left out
    max_price: Option<MaxPrice>,
    /// Most that the markets' program may take on top of a deposit, in basis points of it; 1000 (10 %)
    /// if left out
    #[schemars(range(max = MAX_FEE_BPS))]
    max_fee_bps: Option<u16>,
    /// Lamports for a keeper per job handled; 0 if left out
    #[schemars(range(max = MAX_KEEPER_REWARD_LAMPORTS))]
    keeper_reward: Option<u64>,
    /// Most lamports that keepers are paid a day, in all; 10000000 if left out
    max_rewards: Option<u64>,
    /// SIMPLE, SIMPLE-EXTEND: jobs of a round that are listed again if their nodes quit; 0 if left out
    #[schemars(range(max = MAX_RETRIES))]
    retries: Option<u32>,
    /// Not INFINITE: minutes that a job may wait for a node before it is taken off the market, 1 to 43200;
    /// 0 or left out for no limit
    #[schemars(range(max = MAX_TIMEOUT_MINUTES))]
    max_queue_minutes: Option<u32>,
    /// Number of the vault of yours that pays, or its address; 0 if left out
    vault: Option<VaultName>,
    /// A vault of its own instead, the first that is not in use
    new_vault: Option<bool>,
    /// A key of yours that lists the jobs, so that their nodes answer to it; only keepers that have it list
    /// and end them. Left out, any keeper does
    #[schemars(regex(pattern = "^[1-9A-HJ-NP-Za-km-z]{32,44}$"))]
    access_key: Option<String>,
    /// Whether to start as soon as it is created; false if left out
    autostart: Option<bool>,
    /// Whether only the nodes of its jobs get to read the definition, from a server of yours; false if left
    /// out
    confidential: Option<bool>,
    /// What the nodes run
    job_definition: JobDefinition,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "SCREAMING-KEBAB-CASE", rename = "Strategy")]
#[allow(dead_code)]
enum StrategyName {
    Simple,
    SimpleExtend,
    Scheduled,
    Infinite,
}

#[derive(JsonSchema)]
#[schemars(untagged, rename = "Vault")]
#[allow(dead_code)]
enum VaultName {
    Number(u16),
    Address(#[schemars(regex(pattern = "^[1-9A-HJ-NP-Za-km-z]{32,44}$"))] String),
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum MaxPrice {
    BaseUnitsPerSecond(u64),
    None(NoPriceCap),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code)]
enum NoPriceCap {
    None,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "UPPERCASE", rename = "Overlap")]
#[allow(dead_code)]
enum OverlapName {
    Allow,
    Forbid,
    Replace,
}

/// The JSON Schema of deployments.
pub fn json_schema() -> Value {
    job::generate::<File>().to_value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use deployments_domain::settings::{Overlap, Strategy};

    #[test]
    fn the_schema_has_the_reader_s_fields_and_words() {
        let schema = json_schema();
        let fields: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(fields, super::super::FIELDS);
        let words = |name: &str| -> Vec<String> {
            let words = schema["$defs"][name]["enum"].as_array().unwrap().iter();
            words
                .map(|word| word.as_str().unwrap().to_owned())
                .collect()
        };
        for strategy in words("Strategy") {
            assert!(Strategy::from_name(&strategy).is_some(), "{strategy}");
        }
        for overlap in words("Overlap") {
            assert!(Overlap::from_name(&overlap).is_some(), "{overlap}");
        }
        assert_eq!((words("Strategy").len(), words("Overlap").len()), (4, 3));
    }

    #[test]
    fn the_examples_fit_the_schema() {
        let validator = jsonschema::validator_for(&json_schema()).unwrap();
        for text in [
            include_str!("../../../examples/pytorch-jupyter-scheduled.json"),
            include_str!("../../../examples/pytorch-jupyter-simple.json"),
        ] {
            let value = super::super::parse_json(text).unwrap();
            assert_eq!(validator.iter_errors(&value).count(), 0);
        }
    }
}
