//! Where nodes serve the ports that a job definition exposes. The addresses follow from names alone, so
//! they are known before anything runs. The formulas are those of Nosana's nodes; a test compares them with
//! `@nosana/endpoints` 2.1.6, which nodes use.

use crate::{definition::Definition, spec::whole};
use serde_json::Value;
use sha2::{Digest, Sha512};
use solana_program::pubkey::Pubkey;
use std::fmt;

/// Under which nodes have their addresses.
#[cfg(not(feature = "devnet"))]
pub const NODE_DOMAIN: &str = "node.k8s.prd.nos.ci";
/// Under which nodes have their addresses.
#[cfg(feature = "devnet")]
pub const NODE_DOMAIN: &str = "node.k8s.dev.nos.ci";

/// Characters of a host's own part.
const HOST_CHARS: usize = 44;
/// Characters of what a deployment's hosts are made of.
const FLOW_CHARS: usize = 45;

/// Where an operation's port is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The operation's id.
    pub op: String,
    /// The port that it exposes.
    pub port: u16,
    /// Where it is served.
    pub url: String,
}

/// An operation that exposes something which has no address, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// The operation's id.
    pub op: String,
    /// Why.
    pub why: Why,
}

/// Why something that is exposed has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// An operation is private: nodes make up addresses, and tell them to the job's authority alone.
    Private,
    /// The port is a placeholder, which a node fills in while the job runs.
    Placeholder,
    /// An object that stands alone: nodes expose objects only in a list.
    NotInAList,
    /// The definition has no `deployment_id`: each job has an address, the deployment has none.
    NoDeploymentId,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Private => {
                "it is private: its nodes tell its address to the job's access key alone"
            }
            Self::Placeholder => {
                "its port is a placeholder, which a node fills in while the job runs"
            }
            Self::NotInAList => "nodes expose an object only in a list: [{\"port\": ...}]",
            Self::NoDeploymentId => {
                "the definition names no deployment_id, so each job has an address of its own"
            }
        })
    }
}

/// What a definition exposes, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// What has an address.
    pub known: Vec<Endpoint>,
    /// What has none.
    pub hidden: Vec<Hidden>,
}

impl Endpoints {
    /// The same hosts behind a gateway of one's own, a localnet's for example: with `http://localhost:8080`,
    /// `https://HOST.node.k8s.prd.nos.ci` becomes `http://HOST.localhost:8080`. A gateway that is no such
    /// address changes nothing.
    pub fn behind(mut self, gateway: &str) -> Self {
        for endpoint in &mut self.known {
            if let Some(url) = url_behind(gateway, host(&endpoint.url)) {
                endpoint.url = url;
            }
        }
        self
    }
}

/// Where a host is reached behind a gateway of one's own; `None` if that is no such address.
pub fn url_behind(gateway: &str, host: &str) -> Option<String> {
    let (scheme, place) = gateway.trim_end_matches('/').split_once("://")?;
    Some(format!("{scheme}://{host}.{place}"))
}

/// Where a host is reached under Nosana's own domain.
pub fn usual_url(host: &str) -> String {
    format!("https://{host}.{NODE_DOMAIN}")
}

/// The own part of an endpoint's host, by which gateways tell one from another.
pub fn host(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    rest.split_once('.').map_or(rest, |(host, _)| host)
}

/// The addresses of a deployment, one for each operation that exposes ports: every replica and every later
/// job serves behind it. `project` is the authority of its jobs: its access key, or its vault.
pub fn of_deployment(definition: &Definition, project: &Pubkey) -> Endpoints {
    let Exposed { ports, mut hidden } = Exposed::of(definition.value());
    let Some(id) = definition.deployment_id() else {
        let ops = ports.into_iter().map(|port| port.op);
        hidden.extend(ops.map(|op| Hidden {
            op,
            why: Why::NoDeploymentId,
        }));
        hidden.dedup();
        return Endpoints {
            known: Vec::new(),
            hidden,
        };
    };
    let flow = hash(&format!("{id}:{project}"), FLOW_CHARS);
    let mut known: Vec<Endpoint> = Vec::new();
    for Port { op, port, .. } in ports {
        // One address for an operation: nodes group its ports behind it.
        if known.last().is_none_or(|last| last.op != op) {
            let url = url(&op, 0, &flow);
            known.push(Endpoint { op, port, url });
        }
    }
    Endpoints { known, hidden }
}

/// The addresses of one job's ports.
pub fn of_job(definition: &Definition, job: &Pubkey) -> Endpoints {
    let Exposed { ports, hidden } = Exposed::of(definition.value());
    let job = job.to_string();
    let known = ports.into_iter().map(|Port { index, op, port }| Endpoint {
        url: url(&index.to_string(), port, &job),
        op,
        port,
    });
    Endpoints {
        known: known.collect(),
        hidden,
    }
}

/// A port with an address.
struct Port {
    /// The operation's place among all.
    index: usize,
    op: String,
    port: u16,
}

struct Exposed {
    ports: Vec<Port>,
    hidden: Vec<Hidden>,
}

impl Exposed {
    fn of(definition: &Value) -> Self {
        let ops = definition.get("ops").and_then(Value::as_array);
        let all = ops.into_iter().flatten().enumerate();
        let exposing: Vec<(usize, String, &Value, bool)> = all
            .filter_map(|(index, op)| {
                let args = op.get("args")?;
                let expose = args.get("expose").filter(|expose| !is_nothing(expose))?;
                let id = op.get("id").and_then(Value::as_str).unwrap_or_default();
                let private = args.get("private") == Some(&Value::Bool(true));
                Some((index, id.to_owned(), expose, private))
            })
            .collect();
        // One private operation makes the whole job private.
        let is_private = exposing
            .iter()
            .any(|(_, _, expose, private)| *private && !expose.is_object());
        let mut exposed = Self {
            ports: Vec::new(),
            hidden: Vec::new(),
        };
        for (index, op, expose, _) in exposing {
            if is_private {
                let why = Why::Private;
                exposed.hidden.push(Hidden { op, why });
            } else {
                exposed.add(index, &op, expose);
            }
        }
        exposed
    }

    fn add(&mut self, index: usize, op: &str, expose: &Value) {
        let mut hide = |why| {
            let op = op.to_owned();
            let hidden = Hidden { op, why };
            if !self.hidden.contains(&hidden) {
                self.hidden.push(hidden);
            }
        };
        let one = std::slice::from_ref(expose);
        let items = expose.as_array().map_or(one, Vec::as_slice);
        for item in items {
            let number = |value: &Value| u16::try_from(whole(value)?).ok();
            let port = match item {
                Value::Object(_) if !expose.is_array() => {
                    hide(Why::NotInAList);
                    continue;
                }
                Value::Object(members) => members.get("port").and_then(number),
                port => number(port),
            };
            match port {
                Some(port) => self.ports.push(Port {
                    index,
                    op: op.to_owned(),
                    port,
                }),
                None => hide(Why::Placeholder),
            }
        }
    }
}

fn is_nothing(expose: &Value) -> bool {
    expose.is_null() || expose.as_array().is_some_and(Vec::is_empty)
}

fn url(op: &str, port: u16, flow: &str) -> String {
    usual_url(&hash(&format!("{op}:{port}:{flow}"), HOST_CHARS))
}

/// The first characters of a text's hash in base58.
fn hash(text: &str, chars: usize) -> String {
    let encoded = bs58::encode(Sha512::digest(text.as_bytes())).into_string();
    encoded.chars().take(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn host(endpoint: &Endpoint) -> &str {
        super::host(&endpoint.url)
    }

    #[test]
    fn a_gateway_of_one_s_own_keeps_the_hosts() {
        let definition = definition(json!({"ops": [{"id": "a", "args": {"expose": 80}}]}));
        let all = || of_deployment(&definition, &Pubkey::default());
        let url = all().known[0].url.clone();
        assert!(url.ends_with(NODE_DOMAIN));
        let local = all().behind("http://localhost:8080/").known[0].url.clone();
        assert_eq!(
            local,
            format!("http://{}.localhost:8080", super::host(&url))
        );
        assert_eq!(all().behind("nonsense"), all());
    }

    fn definition(value: Value) -> Definition {
        Definition::new(&value, &Pubkey::new_from_array([7; 32]))
    }

    #[test]
    fn addresses_are_those_of_nosana_s_own_package() {
        let lines = include_str!("endpoints/oracle.jsonl").lines();
        let mut compared = 0;
        for line in lines {
            let (id, project, op, index, port, job, of_all, of_one): (
                String,
                String,
                String,
                usize,
                u16,
                String,
                String,
                String,
            ) = serde_json::from_str(line).unwrap();
            let mut ops = vec![json!({"type": "container/create-volume", "id": "v"}); index];
            ops.push(json!({"type": "container/run", "id": op, "args": {"expose": port}}));
            let definition = definition(json!({"deployment_id": id, "ops": ops}));
            let all = of_deployment(&definition, &project.parse().unwrap());
            let one = of_job(&definition, &job.parse().unwrap());
            assert_eq!(
                (host(&all.known[0]), host(&one.known[0])),
                (&*of_all, &*of_one)
            );
            compared += 1;
        }
        assert_eq!(compared, 1_000);
    }

    #[test]
    fn the_worked_example_of_the_nodes_comes_out() {
        let project = "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ"
            .parse()
            .unwrap();
        let job = "7AtiXMSH6R1jjBxrcYjehCkkSF7zvYWte63gwEDBcGHq"
            .parse()
            .unwrap();
        let definition = definition(json!({
            "deployment_id": "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin",
            "ops": [
                {"id": "Pytorch", "args": {"expose": [8888, {"port": 9000}]}},
                {"id": "Other", "args": {"expose": 9000}},
            ],
        }));
        let all = of_deployment(&definition, &project);
        assert_eq!(
            host(&all.known[0]),
            "5asq76StjnWeGxe8WjDj4jStatDCofXCdQg86BprTnWH"
        );
        assert_eq!(all.known.len(), 2, "one an operation");
        let one = of_job(&definition, &job);
        let hosts: Vec<&str> = one.known.iter().map(host).collect();
        assert_eq!(hosts[0], "ZkMogYHboLBcp3Lkm3eXaqiaCowSDhQhbiwGe7xjUXGP");
        assert_eq!(hosts[2], "4S4kaNA7MugzSoA7Fnd91vAxQF6J3PXd7X4wko3x4hu7");
    }

    #[test]
    fn what_has_no_address_says_why() {
        let why = |ops: Value| {
            let definition = definition(json!({"ops": ops}));
            let found = of_deployment(&definition, &Pubkey::default());
            let hidden = found.hidden.into_iter();
            let hidden: Vec<_> = hidden.map(|hidden| (hidden.op, hidden.why)).collect();
            (found.known.len(), hidden)
        };
        let op = |expose: Value| json!([{"id": "a", "args": {"expose": expose}}]);
        let placeholder = json!("%%global.variables.port%%");
        let hidden = |why| vec![("a".to_owned(), why)];
        assert_eq!(why(op(json!(80))), (1, vec![]));
        assert_eq!(why(op(json!([]))), (0, vec![]));
        assert_eq!(why(op(placeholder.clone())), (0, hidden(Why::Placeholder)));
        assert_eq!(
            why(op(json!([80, placeholder, {"__spread__": "%%ops.b%%"}]))),
            (1, hidden(Why::Placeholder))
        );
        assert_eq!(why(op(json!({"port": 80}))), (0, hidden(Why::NotInAList)));
        let private = json!([
            {"id": "a", "args": {"expose": 80}},
            {"id": "b", "args": {"expose": [81], "private": true}},
            {"id": "c", "args": {}},
        ]);
        let both = ["a", "b"].map(|op| (op.to_owned(), Why::Private));
        assert_eq!(why(private), (0, both.to_vec()));
        // Pinned by somebody else.
        let text = r#"{"ops":[{"id":"a","args":{"expose":80}}]}"#;
        let digest = crate::digest::digest(text.as_bytes());
        let foreign = Definition::read(text, &digest).unwrap();
        let found = of_deployment(&foreign, &Pubkey::default());
        assert_eq!(found.hidden[0].why, Why::NoDeploymentId);
        assert_eq!(of_job(&foreign, &Pubkey::default()).known.len(), 1);
    }
}
