//! What people bring from Nosana's own service, in its API's words, as a deployment of ours. The service's
//! custodial parts stay behind; a note says what, and what means something else here.

use super::{whole, DeploymentSpec, SpecError, SpecErrors};
use deployments_domain::{
    cron::Schedule,
    settings::{Strategy, MAX_NAME_BYTES},
};
use serde_json::{json, Map, Value};

/// A deployment of the service's, as ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The JSON, as `DeploymentSpec::from_json` reads it, unless `mistakes` says what is missing.
    pub deployment: Value,
    /// What differs from the service, a sentence each.
    pub notes: Vec<String>,
    /// What has to be mended by hand first.
    pub mistakes: Vec<SpecError>,
}

/// The deployments in an answer of the service's API: one, or a list.
///
/// # Errors
/// Something that is neither.
pub fn import(answer: &Value) -> Result<Vec<Imported>, SpecErrors> {
    let wrapped = answer.get("deployments").unwrap_or(answer);
    let all = match wrapped {
        Value::Array(all) => all.iter().collect(),
        one => vec![one],
    };
    let each = all.into_iter().map(|one| match one {
        Value::Object(members) if members.contains_key("strategy") => Ok(one_of(members)),
        other => Err(super::no_json(
            Some(super::shorten(other)),
            "use an answer of the service's API: a deployment, or a list of them",
        )),
    });
    each.collect()
}

fn one_of(members: &Map<String, Value>) -> Imported {
    let mut import = Import {
        members,
        ours: Map::new(),
        notes: Vec::new(),
    };
    import.copy();
    import.strategy();
    import.definition();
    import.custody();
    let Import { ours, notes, .. } = import;
    let deployment = Value::Object(ours);
    let mistakes = match DeploymentSpec::from_json(&deployment.to_string()) {
        Ok(_) => Vec::new(),
        Err(SpecErrors(mistakes)) => mistakes,
    };
    Imported {
        deployment,
        notes,
        mistakes,
    }
}

struct Import<'a> {
    members: &'a Map<String, Value>,
    ours: Map<String, Value>,
    notes: Vec<String>,
}

impl Import<'_> {
    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.members.get(field)?.as_str()
    }

    /// What means the same.
    fn copy(&mut self) {
        for field in ["name", "market", "replicas", "timeout", "strategy"] {
            if let Some(value) = self.members.get(field) {
                self.ours.insert(field.into(), value.clone());
            }
        }
        if let Some(name) = self.text("name").filter(|name| name.len() > MAX_NAME_BYTES) {
            let mut end = MAX_NAME_BYTES;
            while !name.is_char_boundary(end) {
                end -= 1;
            }
            let short = name.get(..end).unwrap_or_default();
            self.ours.insert("name".into(), json!(short));
            self.note(format!(
                "name: cut to {MAX_NAME_BYTES} bytes, the most that an account holds"
            ));
        }
    }

    fn strategy(&mut self) {
        match self.text("strategy").and_then(Strategy::from_name) {
            Some(Strategy::SimpleExtend) => {
                self.ours.insert("auto_extend".into(), json!(true));
                self.note("strategy: SIMPLE-EXTEND prolongs jobs before they end there, which is auto_extend here");
            }
            Some(Strategy::Scheduled) => self.schedule(),
            Some(Strategy::Infinite) => self.rotation(),
            _ => {}
        }
    }

    fn schedule(&mut self) {
        let Some(schedule) = self.text("schedule").map(str::to_owned) else {
            return;
        };
        if Schedule::parse(&schedule).is_ok() {
            self.note(format!(
                "schedule: \"{schedule}\" is UTC here; the service uses its server's time"
            ));
        }
        self.ours.insert("schedule".into(), json!(schedule));
    }

    /// Seconds there, minutes here.
    fn rotation(&mut self) {
        let Some(seconds) = self.members.get("rotation_time").and_then(whole) else {
            return;
        };
        let minutes = seconds / 60;
        self.ours.insert("rotation_time".into(), json!(minutes));
        if seconds % 60 != 0 {
            self.note(format!(
                "rotation_time: {seconds} seconds are {minutes} whole minutes here"
            ));
        }
    }

    /// The definition that runs: the answer's own, or that of its active revision.
    fn definition(&mut self) {
        let active = self.members.get("active_revision").and_then(whole);
        let revisions = self.members.get("revisions").and_then(Value::as_array);
        let of_revision = revisions.into_iter().flatten().find(|revision| {
            active.is_some() && revision.get("revision").and_then(whole) == active
        });
        let own = self.members.get("job_definition");
        let found = own.or_else(|| of_revision?.get("job_definition"));
        match found.cloned() {
            Some(mut definition) => {
                self.forget_id(&mut definition);
                self.ours.insert("job_definition".into(), definition);
            }
            None => self.note("job_definition: this answer holds none; the service's answer about one deployment has it among its revisions"),
        }
    }

    /// The service writes its own id and trigger into every definition.
    fn forget_id(&mut self, definition: &mut Value) {
        let id = self.text("id").map(str::to_owned);
        let Value::Object(members) = definition else {
            return;
        };
        let is_its_own = members.get("deployment_id").and_then(Value::as_str) == id.as_deref();
        if id.is_some() && is_its_own {
            members.shift_remove("deployment_id");
        }
        if let Some(Value::Object(meta)) = members.get_mut("meta") {
            meta.shift_remove("trigger");
            if meta.is_empty() {
                members.shift_remove("meta");
            }
        }
    }

    /// What stays with the service.
    fn custody(&mut self) {
        if let Some(vault) = self.text("vault").map(str::to_owned) {
            self.note(format!("vault: the service holds the key of {vault}; withdraw there, and fund a vault of your own here"));
        }
        if self.members.get("confidential") == Some(&Value::Bool(true)) {
            self.ours.insert("confidential".into(), json!(true));
            self.note("confidential: the service hands the definition to nodes; here a server of yours does, see docs/confidential.md");
        }
        let endpoints = self.members.get("endpoints").and_then(Value::as_array);
        if endpoints.is_some_and(|all| !all.is_empty()) {
            self.note("endpoints: the addresses are others here, because they follow from the deployment and its vault");
        }
        let credits = |name: &&str| {
            self.members
                .get(*name)
                .is_some_and(|value| !value.is_null())
        };
        let credit = ["credits", "credit_balance", "payment_method"];
        if let Some(name) = credit.into_iter().find(|name| credits(name)) {
            self.note(format!(
                "{name}: credits are the service's own; jobs here are paid in NOS"
            ));
        }
        if self.members.get("active_jobs").and_then(whole) > Some(0) {
            self.note("active_jobs: they go on at the service until it stops them");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKET: &str = "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ";

    fn answer(more: Value) -> Value {
        let mut answer = json!({
            "id": "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin",
            "name": "Jupyter", "vault": MARKET, "market": MARKET, "owner": MARKET,
            "status": "RUNNING", "replicas": 2, "timeout": 60,
            "endpoints": [{"opId": "a", "port": 80, "url": "https://x"}],
            "confidential": false, "active_revision": 2, "active_jobs": 0,
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
            "revisions": [
                {"revision": 1, "job_definition": {"version": "0.1"}},
                {"revision": 2, "job_definition": {
                    "version": "0.1", "type": "container", "meta": {"trigger": "deployment-manager"},
                    "ops": [{"type": "container/run", "id": "a", "args": {"image": "ubuntu"}}],
                    "deployment_id": "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin"}},
            ],
        });
        let (Value::Object(all), Value::Object(more)) = (&mut answer, more) else {
            unreachable!()
        };
        all.extend(more);
        answer
    }

    fn imported(more: Value) -> Imported {
        import(&answer(more)).unwrap().remove(0)
    }

    fn has_note(imported: &Imported, start: &str) -> bool {
        imported.notes.iter().any(|note| note.starts_with(start))
    }

    #[test]
    fn every_strategy_comes_over_with_what_differs() {
        let simple = imported(json!({"strategy": "SIMPLE"}));
        assert_eq!(simple.mistakes, []);
        let definition = &simple.deployment["job_definition"];
        assert_eq!(definition["ops"][0]["id"], "a");
        assert_eq!(
            (definition.get("deployment_id"), definition.get("meta")),
            (None, None)
        );
        assert!(has_note(&simple, "vault: the service holds the key"));
        assert!(has_note(&simple, "endpoints: "));

        let extended = imported(json!({"strategy": "SIMPLE-EXTEND"}));
        assert_eq!(extended.deployment["auto_extend"], true);
        assert!(has_note(&extended, "strategy: SIMPLE-EXTEND prolongs"));

        let infinite = imported(json!({"strategy": "INFINITE", "rotation_time": 1_230}));
        assert_eq!(infinite.deployment["rotation_time"], 20);
        assert!(has_note(
            &infinite,
            "rotation_time: 1230 seconds are 20 whole minutes"
        ));
        assert_eq!(infinite.mistakes, []);

        let scheduled = imported(json!({"strategy": "SCHEDULED", "schedule": "0 0 * * *"}));
        assert!(has_note(&scheduled, "schedule: \"0 0 * * *\" is UTC here"));
        // The service takes six fields by its regular expression, and never fires.
        let odd = imported(json!({"strategy": "SCHEDULED", "schedule": "0 0 0 * * *"}));
        assert_eq!(odd.mistakes[0].field, "schedule");
    }

    #[test]
    fn what_stays_behind_is_said() {
        let paid = imported(
            json!({"strategy": "SIMPLE", "credits": 5, "active_jobs": 1, "confidential": true}),
        );
        for start in ["credits: ", "active_jobs: ", "confidential: "] {
            assert!(has_note(&paid, start), "{:?}", paid.notes);
        }
        let mut listed = answer(json!({"strategy": "SIMPLE"}));
        listed.as_object_mut().unwrap().remove("revisions");
        let all = import(&json!([listed, answer(json!({"strategy": "SIMPLE"}))])).unwrap();
        assert!(has_note(&all[0], "job_definition: this answer holds none"));
        assert_eq!(all[0].mistakes[0].field, "job_definition");
        assert_eq!(all[1].mistakes, []);
        assert_eq!(import(&json!({"deployments": []})).unwrap(), []);
        let long = imported(json!({"strategy": "SIMPLE", "name": "ä".repeat(40)}));
        assert_eq!(long.deployment["name"], "ä".repeat(32));
        for wrong in [json!("text"), json!({"error": "Unauthorized"}), json!([1])] {
            assert!(import(&wrong)
                .unwrap_err()
                .to_string()
                .contains("an answer of the service's API"));
        }
    }
}
