//! What an action takes, as somebody wrote it, and the wish that it makes.

use crate::{
    format::{parse_nos, parse_sol},
    serve::{
        refusal::Refusal,
        wish::{Deed, Wish},
        Server,
    },
};
use nosana_deploy_client::{
    domain::cron::Schedule,
    instructions::{Amount, SettingsArgs, UpdateArgs},
    DeploymentSpec,
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What an action takes: in the body, or in the query of an Action's link.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// The wallet that will sign.
    pub(super) account: Option<String>,
    /// The deployment's address; for `create` its JSON, as text or as an object.
    #[schema(value_type = Option<Object>)]
    deployment: Option<Value>,
    /// The vault's number; 0 if left out.
    #[schema(value_type = Option<Object>)]
    vault: Option<Value>,
    /// NOS with decimals, for example `1.5`; of `withdraw` also `ALL`.
    #[schema(value_type = Option<Object>)]
    nos: Option<Value>,
    /// SOL with decimals, for example `0.05`; of `withdraw` also `ALL`.
    #[schema(value_type = Option<Object>)]
    sol: Option<Value>,
    /// Replicas, of `extend` more replicas.
    #[schema(value_type = Option<Object>)]
    replicas: Option<Value>,
    /// Minutes.
    #[schema(value_type = Option<Object>)]
    timeout: Option<Value>,
    /// Five cron fields, in UTC.
    schedule: Option<String>,
    /// At most 64 bytes.
    name: Option<String>,
}

pub(super) fn required<'a, T>(
    value: &'a Option<T>,
    field: &str,
    what: &str,
) -> Result<&'a T, Refusal> {
    value
        .as_ref()
        .ok_or_else(|| Refusal::invalid(format!("{field}: missing; use {what}")))
}

/// A value that a body has as a number or as text, and a query as text.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    }
}

fn number<T: std::str::FromStr>(value: &Value, field: &str, valid: &str) -> Result<T, Refusal> {
    text_of(value)
        .parse()
        .map_err(|_| Refusal::invalid(format!("{field}: {value} is not valid; use {valid}")))
}

impl Asked {
    pub(super) async fn wish(&self, server: &Server, action: &str) -> Result<Wish, Refusal> {
        Ok(match action {
            "create" => Wish::Create(Box::new(self.spec()?)),
            "fund" => Wish::Fund {
                vault: self.vault()?,
                nos: self.exact("nos", &self.nos, parse_nos)?,
                lamports: self.exact("sol", &self.sol, parse_sol)?,
            },
            "withdraw" => Wish::Withdraw {
                vault: self.vault()?,
                nos: self.amount("nos", &self.nos, parse_nos)?,
                lamports: self.amount("sol", &self.sol, parse_sol)?,
            },
            _ => {
                let address = required(&self.deployment, "deployment", "its address")?;
                let deployment = server.deployment(&text_of(address)).await?;
                Wish::With(Box::new(deployment), self.deed(action)?)
            }
        })
    }

    fn deed(&self, action: &str) -> Result<Deed, Refusal> {
        Ok(match action {
            "start" => Deed::Start,
            "stop" => Deed::Stop,
            "archive" => Deed::Archive,
            "extend" => {
                let more = required(&self.replicas, "replicas", "how many more")?;
                Deed::Extend(number(more, "replicas", "1 to 100")?)
            }
            _ => Deed::Update(self.update()?),
        })
    }

    fn update(&self) -> Result<UpdateArgs, Refusal> {
        let minutes = |value| -> Result<u32, Refusal> {
            Ok(number::<u32>(value, "timeout", "minutes, 1 to 43200")?.saturating_mul(60))
        };
        let replicas = |value| number(value, "replicas", "0 to 100");
        let schedule = self.schedule.as_deref().map(|text| {
            Schedule::parse(text).map_err(|error| {
                Refusal::invalid(format!("schedule: {text:?} is not valid; {error}"))
            })
        });
        let args = UpdateArgs {
            name: self.name.clone(),
            settings: SettingsArgs {
                replicas: self.replicas.as_ref().map(replicas).transpose()?,
                timeout_seconds: self.timeout.as_ref().map(minutes).transpose()?,
                schedule: schedule.transpose()?.map(Into::into),
                ..SettingsArgs::default()
            },
            ..UpdateArgs::default()
        };
        match args == UpdateArgs::default() {
            true => Err(Refusal::invalid(
                "nothing to change; use replicas, timeout, schedule or name",
            )),
            false => Ok(args),
        }
    }

    fn spec(&self) -> Result<DeploymentSpec, Refusal> {
        let deployment = required(&self.deployment, "deployment", "its JSON")?;
        Ok(DeploymentSpec::from_json(&text_of(deployment))?)
    }

    fn vault(&self) -> Result<u16, Refusal> {
        let vault = self.vault.as_ref();
        vault.map_or(Ok(0), |vault| {
            number(vault, "vault", "its number, 0 to 65535")
        })
    }

    fn amount(
        &self,
        field: &str,
        value: &Option<Value>,
        read: fn(&str) -> Result<u64, String>,
    ) -> Result<Amount, Refusal> {
        match value.as_ref().map(text_of).as_deref() {
            None => Ok(Amount::Exact(0)),
            Some("ALL") => Ok(Amount::All),
            Some(text) => read(text).map(Amount::Exact).map_err(|valid| {
                Refusal::invalid(format!("{field}: {text:?} is not valid; {valid}"))
            }),
        }
    }

    fn exact(
        &self,
        field: &str,
        value: &Option<Value>,
        read: fn(&str) -> Result<u64, String>,
    ) -> Result<u64, Refusal> {
        match self.amount(field, value, read)? {
            Amount::Exact(units) => Ok(units),
            Amount::All => Err(Refusal::invalid(format!("{field}: use an amount"))),
        }
    }
}
