//! The members of a deployment's JSON, and what is wrong with them.

use super::{as_u32, no_json, parse_json, shorten, SpecError, SpecErrors, FIELDS, NO_OBJECT};
use crate::text::printable;
use deployments_domain::{
    cron::Schedule,
    settings::{InvalidSettings, Settings, Strategy, DEFAULT_ROTATION_SECONDS},
};
use serde_json::{Map, Value};
use std::fmt;

/// The JSON's members, each looked up by name, and what was wrong so far.
pub(super) struct Fields {
    members: Map<String, Value>,
    errors: Vec<SpecError>,
}

impl Fields {
    pub(super) fn parse(text: &str) -> Result<Self, SpecErrors> {
        let members = match parse_json(text)? {
            Value::Object(members) => members,
            other => return Err(no_json(Some(shorten(&other)), NO_OBJECT)),
        };
        let mut fields = Self {
            members,
            errors: Vec::new(),
        };
        let known = |name: &&String| FIELDS.contains(&name.as_str());
        let unknown: Vec<String> = fields
            .members
            .keys()
            .filter(|name| !known(name))
            .cloned()
            .collect();
        if !unknown.is_empty() {
            let names: Vec<String> = unknown
                .iter()
                .map(|name| format!("\"{}\"", printable(name)))
                .collect();
            let valid = format!("there are {}", FIELDS.join(", "));
            let names = match names.as_slice() {
                [name] => format!("field {name}"),
                names => format!("each of the fields {}", names.join(", ")),
            };
            fields.errors.extend(no_json(Some(names), valid).0);
        }
        Ok(fields)
    }

    pub(super) fn report(&mut self, field: &str, valid: impl fmt::Display) {
        self.errors.push(SpecError {
            field: field.into(),
            value: self.members.get(field).map(shorten),
            valid: valid.to_string(),
        });
    }

    fn has_error(&self, field: &str) -> bool {
        self.errors.iter().any(|error| error.field == field)
    }

    pub(super) fn optional<T>(
        &mut self,
        field: &str,
        valid: impl fmt::Display,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let found = read(self.members.get(field)?);
        if found.is_none() {
            self.report(field, valid);
        }
        found
    }

    pub(super) fn required<T>(
        &mut self,
        field: &str,
        valid: impl fmt::Display,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        if !self.members.contains_key(field) {
            self.report(field, valid);
            return None;
        }
        self.optional(field, valid, read)
    }

    pub(super) fn schedule(&mut self) -> Option<Schedule> {
        let text = self.optional("schedule", InvalidSettings::ScheduleMissing, |value| {
            value.as_str().map(str::to_owned)
        })?;
        match Schedule::parse(&text) {
            Ok(schedule) => Some(schedule),
            Err(error) => {
                self.report("schedule", error);
                None
            }
        }
    }

    /// Everything that is wrong with the definition is reported at its own place.
    pub(super) fn job_definition(&mut self) -> Option<Value> {
        const FIELD: &str = "job_definition";
        let text = self.members.get(FIELD).and_then(Value::as_str);
        if text.is_some_and(|text| text.trim_start().starts_with('{')) {
            self.errors.push(SpecError {
                field: FIELD.into(),
                value: Some("a string that holds an object".into()), // and secrets, perhaps
                valid: "use the object itself, without quotes; Terraform's jsondecode makes it of the string".into(),
            });
            return None;
        }
        let definition = self.required(
            FIELD,
            "use a Nosana job definition: an object with version, type and ops",
            |value| value.is_object().then(|| value.clone()),
        )?;
        self.errors.extend(SpecErrors::of_job(FIELD, &definition).0);
        Some(definition)
    }

    pub(super) fn rotation_seconds(&mut self, strategy: Option<Strategy>) -> u32 {
        match (
            self.optional("rotation_time", InvalidSettings::Rotation, as_u32),
            strategy,
        ) {
            (Some(minutes), _) => minutes.saturating_mul(60),
            (None, Some(Strategy::Infinite)) => DEFAULT_ROTATION_SECONDS,
            (None, _) => 0,
        }
    }

    /// The rules of the domain crate, as far as what they are about could be read.
    pub(super) fn check_settings(&mut self, settings: &Settings) {
        let by_strategy = [
            "schedule",
            "overlap",
            "rotation_time",
            "auto_extend",
            "retries",
            "max_queue_minutes",
        ];
        settings.check(|invalid| {
            let field = invalid.field();
            let unread = (by_strategy.contains(&field) && self.has_error("strategy"))
                || (field == "rotation_time" && self.has_error("timeout"));
            if !unread && !self.has_error(field) {
                self.report(field, invalid);
            }
        });
    }

    pub(super) fn finish<T>(mut self, spec: T) -> Result<T, SpecErrors> {
        if self.errors.is_empty() {
            return Ok(spec);
        }
        let field = |error: &SpecError| {
            let end = error.field.find(['.', '[']).unwrap_or(error.field.len());
            error.field.get(..end).unwrap_or_default().to_owned()
        };
        let place = |error: &SpecError| FIELDS.iter().position(|name| *name == field(error));
        // Unknown fields last.
        self.errors
            .sort_by_key(|error| place(error).unwrap_or(FIELDS.len()));
        Err(SpecErrors(self.errors))
    }
}
