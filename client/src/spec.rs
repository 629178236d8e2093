//! A deployment as a person writes it: JSON with comments, every field checked before anything is
//! sent. The rules are the domain crate's, which the program enforces again.

use crate::{digest, json};
use deployments::instructions::CreateArgs;
use deployments_domain::{
    cron::Schedule,
    settings::{InvalidSettings, Overlap, Settings, Strategy, DEFAULT_ROTATION_SECONDS},
};
use jsonc_parser::ParseOptions;
use serde_json::{Map, Value};
use solana_program::pubkey::Pubkey;
use std::{fmt, str::FromStr};

/// A checked deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct DeploymentSpec {
    /// Shown to people; at most 64 bytes.
    pub name: String,
    /// The GPU market's account.
    pub market: Pubkey,
    /// Jobs per round, 1 to 100.
    pub replicas: u32,
    /// Longest run of one job; minutes in the JSON.
    pub timeout_seconds: u64,
    /// When and how often replicas are listed.
    pub strategy: Strategy,
    /// The firings of a SCHEDULED deployment.
    pub schedule: Option<Schedule>,
    /// What a firing does while jobs are active (SCHEDULED).
    pub overlap: Overlap,
    /// Lead of a replacement over the deadline it covers (INFINITE, else 0); minutes in the JSON.
    pub rotation_seconds: u32,
    /// Prolong running jobs before their deadline (SIMPLE-EXTEND).
    pub auto_extend: bool,
    /// Most NOS base units per second that the market may ask; `u64::MAX` for no cap.
    pub max_price_per_second: u64,
    /// Paid to a keeper per job handled.
    pub keeper_reward_lamports: u64,
    /// Number of the owner's vault that pays.
    pub vault_index: u16,
    /// Start as soon as it is created.
    pub autostart: bool,
    /// What the nodes run.
    pub job_definition: Value,
    /// The definition's name on chain; see [`digest`].
    pub job_definition_digest: [u8; 32],
}

/// What is wrong with a deployment's JSON, in one line: the field, its value, and what is valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SpecError {
    /// The field's name, or `JSON` if the text is no JSON object.
    pub field: String,
    /// The value as it stands in the JSON; `None` if the field is missing.
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

/// The fields of a deployment's JSON.
const FIELDS: [&str; 14] = [
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
    "keeper_reward",
    "vault",
    "autostart",
    "job_definition",
];

impl DeploymentSpec {
    /// Reads a deployment from JSON; comments and trailing commas are allowed.
    ///
    /// # Errors
    /// [`SpecError`] for the first field that is missing, unknown or not valid.
    pub fn from_json(text: &str) -> Result<Self, SpecError> {
        let fields = Fields::parse(text)?;
        let strategy = fields.required(
            "strategy",
            &InvalidSettings::Strategy.to_string(),
            |value| value.as_str().and_then(Strategy::from_name),
        )?;
        let market = fields.required("market", "use the market's base58 public key", |value| {
            value.as_str().and_then(|text| Pubkey::from_str(text).ok())
        })?;
        let minutes = fields.required(
            "timeout",
            &InvalidSettings::Timeout.to_string(),
            Value::as_u64,
        )?;
        let (job_definition, job_definition_digest) = fields.job_definition()?;
        let spec = Self {
            name: fields.required("name", &InvalidSettings::Name.to_string(), |value| {
                value.as_str().map(str::to_owned)
            })?,
            market,
            replicas: fields.required(
                "replicas",
                &InvalidSettings::Replicas.to_string(),
                as_u32,
            )?,
            // Out of range stays out of range, so the settings' own check refuses it.
            timeout_seconds: minutes.saturating_mul(60),
            strategy,
            schedule: fields.schedule()?,
            overlap: fields
                .optional("overlap", &InvalidSettings::Overlap.to_string(), |value| {
                    value.as_str().and_then(Overlap::from_name)
                })?
                .unwrap_or(Overlap::Allow),
            rotation_seconds: fields.rotation_seconds(strategy)?,
            auto_extend: fields
                .optional("auto_extend", "use true or false", Value::as_bool)?
                .unwrap_or(false),
            max_price_per_second: fields
                .optional(
                    "max_price",
                    "use NOS base units per second, a whole number",
                    Value::as_u64,
                )?
                .unwrap_or(u64::MAX),
            keeper_reward_lamports: fields
                .optional(
                    "keeper_reward",
                    &InvalidSettings::KeeperReward.to_string(),
                    Value::as_u64,
                )?
                .unwrap_or(0),
            vault_index: fields
                .optional(
                    "vault",
                    "use the number of one of your vaults, 0 to 65535",
                    |value| u16::try_from(value.as_u64()?).ok(),
                )?
                .unwrap_or(0),
            autostart: fields
                .optional("autostart", "use true or false", Value::as_bool)?
                .unwrap_or(false),
            job_definition,
            job_definition_digest,
        };
        spec.settings()
            .validate()
            .map_err(|invalid| fields.error(invalid.field(), &invalid.to_string()))?;
        Ok(spec)
    }

    /// The settings that the domain's rules constrain.
    pub fn settings(&self) -> Settings<'_> {
        Settings {
            name: &self.name,
            strategy: self.strategy,
            replicas: self.replicas,
            timeout_seconds: self.timeout_seconds,
            schedule: self.schedule,
            overlap: self.overlap,
            rotation_seconds: self.rotation_seconds,
            auto_extend: self.auto_extend,
            keeper_reward_lamports: self.keeper_reward_lamports,
        }
    }

    /// The arguments of `create` for the owner's deployment number `id`.
    pub fn create_args(&self, id: u64) -> CreateArgs {
        CreateArgs {
            id,
            vault_index: self.vault_index,
            name: self.name.clone(),
            strategy: self.strategy as u8,
            replicas: self.replicas,
            timeout_seconds: self.timeout_seconds,
            schedule: self.schedule.map(Into::into),
            overlap: self.overlap as u8,
            rotation_seconds: self.rotation_seconds,
            auto_extend: self.auto_extend,
            max_price_per_second: self.max_price_per_second,
            keeper_reward_lamports: self.keeper_reward_lamports,
            job_definition: self.job_definition_digest,
            autostart: self.autostart,
        }
    }
}

fn as_u32(value: &Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok()
}

/// The JSON's members, each looked up by name.
struct Fields(Map<String, Value>);

impl Fields {
    fn parse(text: &str) -> Result<Self, SpecError> {
        let no_json = |value: Option<String>, valid: String| SpecError {
            field: "JSON".into(),
            value,
            valid,
        };
        let value = jsonc_parser::parse_to_serde_value(text, &ParseOptions::default()).map_err(
            |error| {
                let (line, column) = (error.line_display(), error.column_display());
                let place = format!("line {line}, column {column}");
                no_json(Some(place), format!("{}", error.kind()))
            },
        )?;
        let fields = match value {
            Some(Value::Object(fields)) => Self(fields),
            Some(other) => {
                return Err(no_json(
                    Some(shorten(&other)),
                    "use an object: {...}".into(),
                ))
            }
            None => return Err(no_json(None, "use an object: {...}".into())),
        };
        match fields.0.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            None => Ok(fields),
            Some(unknown) => Err(SpecError {
                field: unknown.clone(),
                value: fields.0.get(unknown).map(shorten),
                valid: format!("no such field; there are {}", FIELDS.join(", ")),
            }),
        }
    }

    fn error(&self, field: &str, valid: &str) -> SpecError {
        SpecError {
            field: field.into(),
            value: self.0.get(field).map(shorten),
            valid: valid.into(),
        }
    }

    fn optional<T>(
        &self,
        field: &str,
        valid: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, SpecError> {
        match self.0.get(field) {
            None => Ok(None),
            Some(value) => read(value)
                .map(Some)
                .ok_or_else(|| self.error(field, valid)),
        }
    }

    fn required<T>(
        &self,
        field: &str,
        valid: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, SpecError> {
        self.optional(field, valid, read)?
            .ok_or_else(|| self.error(field, valid))
    }

    fn schedule(&self) -> Result<Option<Schedule>, SpecError> {
        let valid = InvalidSettings::ScheduleMissing.to_string();
        let Some(text) = self.optional("schedule", &valid, |value| {
            value.as_str().map(str::to_owned)
        })?
        else {
            return Ok(None);
        };
        let schedule = Schedule::parse(&text);
        schedule
            .map(Some)
            .map_err(|error| self.error("schedule", &error.to_string()))
    }

    fn rotation_seconds(&self, strategy: Strategy) -> Result<u32, SpecError> {
        let valid = InvalidSettings::Rotation.to_string();
        let minutes = self.optional("rotation_time", &valid, as_u32)?;
        Ok(match (minutes, strategy) {
            (Some(minutes), _) => minutes.saturating_mul(60),
            (None, Strategy::Infinite) => DEFAULT_ROTATION_SECONDS,
            (None, _) => 0,
        })
    }

    fn job_definition(&self) -> Result<(Value, [u8; 32]), SpecError> {
        let valid = "use a Nosana job definition: an object with version, type and ops";
        let definition = self.required("job_definition", valid, |value| {
            value.is_object().then(|| value.clone())
        })?;
        let digest = digest::digest(json::stringify(&definition).as_bytes());
        Ok((definition, digest))
    }
}

/// A value short enough for a one-line error.
fn shorten(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        None => text,
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;
