//! A definition that only the nodes of its jobs get to read. What is pinned is a *stub*: it names a server
//! of the owner's, where the node of a job fetches the definition and leaves the result, and commits to the
//! definition's digest, so that the server cannot hand out another one unseen.

use crate::{definition::Definition, digest};
use serde_json::{json, Value};

/// The member of a stub's `meta` that commits to the definition, by its CID.
const COMMITMENT: &str = "definition";

/// The longest that a node's authorisation counts, in milliseconds: 300 seconds.
pub const MAX_AGE_MS: u64 = 300_000;

/// What is pinned instead of `definition`. `server` is an address such as `https://example.org/nosana`, under
/// which `/<job>/job-definition` and `/<job>/results` are served.
pub fn stub(definition: &Definition, server: &str) -> Definition {
    let server = server.trim_end_matches('/');
    // A node puts the job's address in place of the placeholder.
    let at = |path: &str| json!({"type": "api", "args": {"endpoint": format!("{server}/%%global.job%%/{path}")}});
    let mut stub = json!({
        "version": "0.1",
        "type": "container",
        "meta": {COMMITMENT: definition.cid()},
        "logistics": {"send": at("job-definition"), "receive": at("results")},
        "ops": [],
    });
    // By this, nodes know which jobs serve behind one address.
    if let Some(id) = definition.deployment_id() {
        stub["deployment_id"] = json!(id);
    }
    Definition::of(stub)
}

/// The digest of the definition that a stub stands for; `None` if it is no stub of ours.
pub fn commitment(stub: &Definition) -> Option<[u8; 32]> {
    let value = stub.value();
    let is_empty = value.get("ops")?.as_array()?.is_empty();
    let committed = value.pointer("/meta")?.get(COMMITMENT)?.as_str();
    committed
        .filter(|_| is_empty && value.get("logistics").is_some_and(Value::is_object))
        .and_then(digest::from_cid)
}

/// What a node sends as its authorisation: `<job>:<signature of the job's address>:<unix ms>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authorization<'a> {
    /// What was signed: the job's address.
    pub message: &'a str,
    /// The signature in base58.
    pub signature: &'a str,
    /// When, unix milliseconds.
    pub at_ms: u64,
}

impl<'a> Authorization<'a> {
    /// Reads a header's value.
    pub fn read(header: &'a str) -> Option<Self> {
        let mut parts = header.split(':');
        let (message, signature, at) = (parts.next()?, parts.next()?, parts.next()?);
        let at_ms = at.parse().ok().filter(|_| parts.next().is_none())?;
        Some(Self {
            message,
            signature,
            at_ms,
        })
    }

    /// Whether it still counts, or already: clocks differ.
    pub fn is_timely(&self, now_ms: u64) -> bool {
        self.at_ms.abs_diff(now_ms) <= MAX_AGE_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job;
    use solana_program::pubkey::Pubkey;

    fn definition() -> Definition {
        let secret = json!({"version": "0.1", "type": "container", "ops": [
            {"type": "container/run", "id": "a", "args": {"image": "ubuntu", "env": {"KEY": "SECRET"}}}]});
        Definition::new(&secret, &Pubkey::default())
    }

    #[test]
    fn a_stub_commits_to_its_definition_and_tells_nothing_else_of_it() {
        let (real, server) = (definition(), "https://example.org/nosana/");
        let stub = stub(&real, server);
        assert_eq!(commitment(&stub), Some(*real.digest()));
        assert_eq!(stub.deployment_id(), real.deployment_id());
        assert!(!stub.text().contains("SECRET") && !stub.text().contains("ubuntu"));
        assert_eq!(job::check(stub.value()), []);
        let at = stub.value().pointer("/logistics/send/args/endpoint");
        assert_eq!(
            at,
            Some(&json!(
                "https://example.org/nosana/%%global.job%%/job-definition"
            ))
        );
        assert_eq!(commitment(&real), None);
    }

    #[test]
    fn an_authorisation_has_three_parts_and_counts_for_five_minutes() {
        let read = Authorization::read("job:signature:1000000").unwrap();
        assert_eq!((read.message, read.signature), ("job", "signature"));
        for (now, counts) in [
            (1_000_000, true),
            (1_300_000, true),
            (1_300_001, false),
            (700_000, true),
            (699_999, false),
        ] {
            assert_eq!(read.is_timely(now), counts, "{now}");
        }
        for wrong in [
            "",
            "job",
            "job:signature",
            "job:signature:x",
            "a:b:1:2",
            "a:b:-1",
        ] {
            assert_eq!(Authorization::read(wrong), None, "{wrong}");
        }
    }
}
