//! A job definition as the nodes of one deployment fetch it.

use crate::{digest, json};
use serde_json::Value;
use solana_program::pubkey::Pubkey;

/// The member by which nodes know which jobs serve behind one address.
const DEPLOYMENT_ID: &str = "deployment_id";

/// What is pinned, and what a deployment names on chain by its digest.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    value: Value,
    text: String,
    digest: [u8; 32],
}

impl Definition {
    /// `definition` for the jobs of the deployment at this address, which it names as its
    /// `deployment_id`: the nodes of all its jobs, later ones included, then serve behind one address. A
    /// definition that names one itself keeps it; deployments on one vault that name the same are one
    /// service.
    pub fn new(definition: &Value, deployment: &Pubkey) -> Self {
        let mut value = definition.clone();
        if let Value::Object(members) = &mut value {
            let id = || Value::String(deployment.to_string());
            members.entry(DEPLOYMENT_ID).or_insert_with(id);
        }
        Self::of(value)
    }

    /// A definition as somebody else pinned it, if it is the one of this digest.
    pub fn read(text: &str, digest: &[u8; 32]) -> Option<Self> {
        let is_it = digest::digest(text.as_bytes()) == *digest;
        let value = serde_json::from_str(text).ok().filter(|_| is_it)?;
        Some(Self {
            value,
            text: text.to_owned(),
            digest: *digest,
        })
    }

    /// Exactly this definition.
    pub(crate) fn of(value: Value) -> Self {
        let text = json::stringify(&value);
        Self {
            digest: digest::digest(text.as_bytes()),
            text,
            value,
        }
    }

    /// Whether a definition is the same whichever deployment runs it, because it names an id itself.
    pub fn names_itself(definition: &Value) -> bool {
        definition.get(DEPLOYMENT_ID).is_some()
    }

    /// The definition.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The bytes that are pinned.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its name on chain.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Its name on IPFS.
    pub fn cid(&self) -> String {
        digest::cid(&self.digest)
    }

    /// Under which its deployment's address is known to nodes.
    pub fn deployment_id(&self) -> Option<&str> {
        self.value.get(DEPLOYMENT_ID)?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_definition_names_its_deployment_unless_it_names_one_itself() {
        let deployment = Pubkey::new_from_array([7; 32]);
        let anonymous = json!({"version": "0.1", "type": "container", "ops": []});
        let pinned = Definition::new(&anonymous, &deployment);
        assert_eq!(
            pinned.deployment_id(),
            Some(deployment.to_string().as_str())
        );
        assert!(pinned
            .text()
            .ends_with(&format!(r#","deployment_id":"{deployment}"}}"#)));
        assert!(!Definition::names_itself(&anonymous));

        let named = json!({"deployment_id": "ours", "ops": []});
        let pinned = Definition::new(&named, &deployment);
        assert_eq!(pinned.text(), r#"{"deployment_id":"ours","ops":[]}"#);
        assert!(Definition::names_itself(&named));
    }

    #[test]
    fn what_somebody_else_pinned_is_believed_only_by_its_digest() {
        let pinned = Definition::new(&json!({"ops": []}), &Pubkey::default());
        let read = |text: &str| Definition::read(text, pinned.digest());
        assert_eq!(read(pinned.text()).as_ref(), Some(&pinned));
        assert_eq!(read(&format!("{} ", pinned.text())), None);
        let no_json = digest::digest(b"no JSON");
        assert_eq!(Definition::read("no JSON", &no_json), None);
    }
}
