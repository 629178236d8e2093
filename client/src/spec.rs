//! A deployment as a person writes it: JSON with comments, every field checked before anything is
//! sent. The rules are the domain crate's, which the program enforces again.

use crate::{confidential::stub, definition::Definition, job, seeds};
use deployments::{instructions::CreateArgs, settings::SettingsArgs};
use deployments_domain::settings::{
    default_price_cap, InvalidSettings, Overlap, Settings, Strategy, DEFAULT_MAX_FEE_BPS,
    DEFAULT_MAX_REWARDS_LAMPORTS_PER_DAY, MAX_NAME_BYTES, MIN_INFINITE_TIMEOUT_SECONDS,
    NO_PRICE_CAP,
};
use fields::Fields;
use serde_json::Value;
use solana_program::pubkey::Pubkey;
use std::{fmt, str::FromStr};

/// A checked deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct DeploymentSpec {
    /// Shown to people; at most 64 bytes.
    pub name: String,
    /// The GPU market's account.
    pub market: Pubkey,
    /// What the owner chose; the JSON has its times in minutes.
    pub settings: Settings,
    /// Number of the owner's vault that pays.
    pub vault_index: u16,
    /// The JSON names the vault by its address: whoever sends `create` calls [`Self::find_vault`] first.
    pub vault_address: Option<Pubkey>,
    /// A vault of its own: whoever sends `create` sets [`Self::vault_index`] to
    /// [`unused_vault`]'s number first.
    pub new_vault: bool,
    /// The JSON names no `max_price`: whoever sends `create` calls [`Self::cap_price`] first.
    pub default_price_cap: bool,
    /// The JSON names no `keeper_reward`: whoever sends `create` may call [`Self::offer_reward`] first.
    pub default_reward: bool,
    /// A key of the owner's that lists the jobs; anyone's keeper does if there is none.
    pub access_key: Option<Pubkey>,
    /// Start as soon as it is created.
    pub autostart: bool,
    /// Only the nodes of its jobs get to read the definition: a stub is pinned. Whoever sends `create` sets
    /// [`Self::definitions_url`] first.
    pub confidential: bool,
    /// Where nodes fetch a confidential definition; see [`stub`].
    pub definitions_url: String,
    /// What the nodes run.
    pub job_definition: Value,
}

/// What is wrong with a deployment's JSON, in one line: the field, its value, and what is valid.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SpecError {
    /// The field's place, for example `job_definition.ops[0].id`, or `JSON` if the text is not a JSON
    /// object.
    pub field: String,
    /// The value in the JSON, with secrets hidden; `None` if the field is missing.
    pub value: Option<String>,
    /// What would be valid.
    pub valid: String,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}: {value} is not valid; {}", self.field, self.valid),
            None => write!(f, "{}: missing; {}", self.field, self.valid),
        }
    }
}

/// Everything that is wrong with a deployment's JSON, a line each, in the order of the fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SpecErrors(pub Vec<SpecError>);

impl fmt::Display for SpecErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            let separator = if number > 0 { "\n" } else { "" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl SpecErrors {
    /// What is wrong with a job definition at `root`, or with one by itself if `root` is empty.
    pub fn of_job(root: &str, definition: &Value) -> Self {
        let errors = job::check(definition).into_iter().map(|violation| {
            let path = violation.path.to_string();
            let dot = if root.is_empty() || path.is_empty() || path.starts_with('[') {
                ""
            } else {
                "."
            };
            SpecError {
                field: format!("{root}{dot}{path}"),
                value: violation.value,
                valid: violation.valid,
            }
        });
        Self(errors.collect())
    }
}

/// The least number of a vault that `used` does not name, or `None` if all 65,536 are in use.
pub fn unused_vault(used: &[u16]) -> Option<u16> {
    (0..=u16::MAX).find(|index| !used.contains(index))
}

/// How many of a wallet's vaults are compared with an address, the first first: each takes a search.
pub const VAULTS_LOOKED_AT: u16 = 1_024;

/// The number of `owner`'s vault at an address, if it is one of the first [`VAULTS_LOOKED_AT`].
pub fn vault_number(owner: &Pubkey, address: &Pubkey) -> Option<u16> {
    (0..VAULTS_LOOKED_AT).find(|index| seeds::vault_address(owner, *index).0 == *address)
}

/// The fields of a deployment's JSON.
pub(crate) const FIELDS: [&str; 21] = [
    "name",
    "market",
    "replicas",
    "timeout",
    "strategy",
    "schedule",
    "overlap",
    "rotation_time",
    "auto_extend",
    "max_price",
    "max_fee_bps",
    "keeper_reward",
    "max_rewards",
    "retries",
    "max_queue_minutes",
    "vault",
    "new_vault",
    "access_key",
    "autostart",
    "confidential",
    "job_definition",
];

impl DeploymentSpec {
    /// Reads a deployment from JSON; comments and trailing commas are allowed.
    ///
    /// ```
    /// use nosana_deploy_client::{instructions, DeploymentSpec};
    /// # use solana_program::pubkey::Pubkey;
    /// let spec = DeploymentSpec::from_json(r#"{
    ///     "name": "hello", "market": "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ",
    ///     "replicas": 1, "timeout": 60, // minutes
    ///     "strategy": "SIMPLE",
    ///     "job_definition": {"version": "0.1", "type": "container", "ops": [
    ///         {"type": "container/run", "id": "hello", "args": {"image": "hello-world"}}
    ///     ]}
    /// }"#)?;
    /// let owner = Pubkey::new_unique();
    /// let [make_vault_account, create] = instructions::create(&owner, 0, &spec);
    /// assert_eq!(create.program_id, nosana_deploy_client::PROGRAM_ID);
    ///
    /// let errors = DeploymentSpec::from_json(r#"{"replicas": 0}"#).unwrap_err();
    /// assert!(errors.to_string().contains("replicas: 0 is not valid; use 1 to 100"));
    /// # Ok::<(), nosana_deploy_client::spec::SpecErrors>(())
    /// ```
    ///
    /// # Errors
    /// [`SpecErrors`]: every field that is missing, unknown or not valid.
    pub fn from_json(text: &str) -> Result<Self, SpecErrors> {
        let mut fields = Fields::parse(text)?;
        let strategy = fields.required("strategy", InvalidSettings::Strategy, |value| {
            value.as_str().and_then(Strategy::from_name)
        });
        let market = fields.required("market", "use the market's base58 public key", as_key);
        let valid_name = format!("use at most {MAX_NAME_BYTES} bytes of UTF-8");
        let name = fields.required("name", valid_name, |value| {
            let name = value.as_str()?;
            (name.len() <= MAX_NAME_BYTES).then(|| name.to_owned())
        });
        let replicas = fields.required("replicas", InvalidSettings::Replicas, as_u32);
        let seconds = fields.required("timeout", InvalidSettings::Timeout, as_seconds);
        let job_definition = fields.job_definition();
        let max_price = fields.optional(
            "max_price",
            "use NOS base units per second, a whole number, or \"none\"",
            |value| match value.as_str() {
                Some("none") => Some(NO_PRICE_CAP),
                _ => whole(value),
            },
        );
        let keeper_reward = fields.optional("keeper_reward", InvalidSettings::KeeperReward, whole);
        let max_fee = fields.optional("max_fee_bps", InvalidSettings::MaxFee, |value| {
            u16::try_from(whole(value)?).ok()
        });
        let max_rewards =
            fields.optional("max_rewards", "use lamports a day, a whole number", whole);
        let retries = fields.optional("retries", InvalidSettings::Retries, as_u32);
        let max_queue = fields.optional("max_queue_minutes", InvalidSettings::MaxQueue, as_seconds);
        let access_key = fields.optional(
            "access_key",
            "use the base58 public key of a keypair of yours",
            as_key,
        );
        let vault = fields.optional(
            "vault",
            "use the number of one of your vaults, 0 to 65535, or its address",
            |value| match whole(value) {
                Some(number) => Some((u16::try_from(number).ok()?, None)),
                None => Some((0, Some(as_key(value)?))),
            },
        );
        let (vault_index, vault_address) = vault.unwrap_or_default();
        let new_vault = fields.optional("new_vault", "use true or false", Value::as_bool);
        if new_vault == Some(true) && vault.is_some() {
            fields.report("new_vault", "use either vault or new_vault");
        }
        let autostart = fields.optional("autostart", "use true or false", Value::as_bool);
        let confidential = fields.optional("confidential", "use true or false", Value::as_bool);
        let auto_extend = fields.optional("auto_extend", "use true or false", Value::as_bool);
        let overlap = fields.optional("overlap", InvalidSettings::Overlap, |value| {
            value.as_str().and_then(Overlap::from_name)
        });
        let job_definition = job_definition.unwrap_or_default();
        // What is missing or wrong is already reported, and replaced by something valid here.
        let settings = Settings {
            strategy: strategy.unwrap_or(Strategy::Simple),
            replicas: replicas.unwrap_or(1),
            timeout_seconds: seconds.unwrap_or(MIN_INFINITE_TIMEOUT_SECONDS),
            max_queue_seconds: max_queue.unwrap_or(0),
            schedule: fields.schedule(),
            overlap: overlap.unwrap_or(Overlap::Allow),
            rotation_seconds: fields.rotation_seconds(strategy),
            auto_extend: auto_extend.unwrap_or(false),
            max_price_per_second: max_price.unwrap_or(NO_PRICE_CAP),
            max_fee_bps: max_fee.unwrap_or(DEFAULT_MAX_FEE_BPS),
            keeper_reward_lamports: keeper_reward.unwrap_or(0),
            max_rewards_lamports_per_day: max_rewards
                .unwrap_or(DEFAULT_MAX_REWARDS_LAMPORTS_PER_DAY),
            retries: retries.unwrap_or(0),
        };
        fields.check_settings(&settings);
        fields.finish(Self {
            name: name.unwrap_or_default(),
            market: market.unwrap_or_default(),
            settings,
            vault_index,
            vault_address,
            new_vault: new_vault.unwrap_or(false),
            default_price_cap: max_price.is_none(),
            default_reward: keeper_reward.is_none(),
            access_key,
            autostart: autostart.unwrap_or(false),
            confidential: confidential.unwrap_or(false),
            definitions_url: String::new(),
            job_definition,
        })
    }

    /// Takes the default cap, half as much again as the market's price, unless the JSON names one.
    pub fn cap_price(&mut self, price_per_second: u64) {
        if self.default_price_cap {
            self.settings.max_price_per_second = default_price_cap(price_per_second);
        }
    }

    /// Offers keepers this much for each job, in lamports, unless the JSON names a reward. At most
    /// [`MAX_KEEPER_REWARD_LAMPORTS`](deployments_domain::settings::MAX_KEEPER_REWARD_LAMPORTS).
    pub fn offer_reward(&mut self, lamports: u64) {
        if self.default_reward {
            self.settings.keeper_reward_lamports = lamports;
        }
    }

    /// Finds the number of the vault that the JSON names by its address, among the first
    /// [`VAULTS_LOOKED_AT`] of `owner`'s. Returns whether there is such a vault, or none to look for.
    pub fn find_vault(&mut self, owner: &Pubkey) -> bool {
        let Some(address) = self.vault_address else {
            return true;
        };
        let found = vault_number(owner, &address);
        self.vault_index = found.unwrap_or(self.vault_index);
        found.is_some()
    }

    /// Who lists the jobs of `owner`'s deployment of this: the access key, or else the vault.
    pub fn project(&self, owner: &Pubkey) -> Pubkey {
        let vault = || seeds::vault_address(owner, self.vault_index).0;
        self.access_key.unwrap_or_else(vault)
    }

    /// What is pinned for the deployment at this address: the definition, or a stub of it.
    pub fn pinned(&self, deployment: &Pubkey) -> Definition {
        let definition = self.definition(deployment);
        match self.confidential {
            true => stub(&definition, &self.definitions_url),
            false => definition,
        }
    }

    /// What the nodes of the deployment at this address run.
    pub fn definition(&self, deployment: &Pubkey) -> Definition {
        Definition::new(&self.job_definition, deployment)
    }

    /// The arguments of `create` for this owner's deployment number `id`.
    pub fn create_args(&self, owner: &Pubkey, id: u64) -> CreateArgs {
        let deployment = seeds::deployment_address(owner, id).0;
        CreateArgs {
            id,
            vault_index: self.vault_index,
            name: self.name.clone(),
            strategy: self.settings.strategy as u8,
            settings: SettingsArgs::from(&self.settings),
            job_definition: *self.pinned(&deployment).digest(),
            autostart: self.autostart,
            access_key: self.access_key.unwrap_or_default(),
        }
    }
}

fn as_u32(value: &Value) -> Option<u32> {
    u32::try_from(whole(value)?).ok()
}

/// Minutes, in seconds. Out of range stays out of range, so the settings' own check refuses it.
fn as_seconds(value: &Value) -> Option<u32> {
    let seconds = whole(value)?.saturating_mul(60);
    Some(u32::try_from(seconds).unwrap_or(u32::MAX))
}

fn as_key(value: &Value) -> Option<Pubkey> {
    Pubkey::from_str(value.as_str()?.trim()).ok()
}

/// A whole number, however it is written: 60, 60.0, 6e1.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    /// Up to here a float holds every whole number.
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    let is_whole = |number: &f64| number.fract() == 0.0 && (0.0..=MAX_EXACT).contains(number);
    value.as_u64().or_else(|| {
        let number = value.as_f64().filter(is_whole)?;
        format!("{number:.0}").parse().ok()
    })
}

const NO_OBJECT: &str = "use an object: {...}";

fn no_json(value: Option<String>, valid: impl fmt::Display) -> SpecErrors {
    SpecErrors(vec![SpecError {
        field: "JSON".into(),
        value,
        valid: valid.to_string(),
    }])
}

/// A value short enough for a one-line error.
pub(crate) fn shorten(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        None => text,
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

mod difference;
mod fields;
mod import;
mod read;
pub mod schema;

pub use difference::{differences, Difference};
pub use import::{import, Imported};
pub use read::{parse_json, MAX_JSON_BYTES};
#[cfg(test)]
mod tests;
