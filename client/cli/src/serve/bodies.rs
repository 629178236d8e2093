//! What requests say and answers hold, in the words of the service's API.

use super::paging::Pagination;
use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A time as the service writes it: `2026-01-01T00:00:00.000Z`.
pub(super) fn date_time(unix_seconds: i64) -> String {
    let time = DateTime::from_timestamp(unix_seconds, 0).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A deployment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct DeploymentBody {
    /// Its address.
    pub(super) id: String,
    pub(super) name: String,
    /// Address of the vault that pays.
    pub(super) vault: String,
    pub(super) market: String,
    pub(super) owner: String,
    /// DRAFT, STARTING, RUNNING, STOPPING, STOPPED, ARCHIVED, ERROR or INSUFFICIENT_FUNDS.
    pub(super) status: &'static str,
    /// SIMPLE, SIMPLE-EXTEND, SCHEDULED or INFINITE.
    pub(super) strategy: &'static str,
    pub(super) replicas: u32,
    /// Minutes.
    pub(super) timeout: u32,
    /// SCHEDULED: a cron expression, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) schedule: Option<String>,
    /// INFINITE: seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rotation_time: Option<u32>,
    /// Empty if this server does not know the job definition.
    pub(super) endpoints: Vec<EndpointBody>,
    /// Whether a stub is pinned, as far as this server knows.
    pub(super) confidential: bool,
    pub(super) active_revision: u32,
    pub(super) active_jobs: u32,
    #[schema(format = DateTime)]
    pub(super) created_at: String,
    /// When the status changed last.
    #[schema(format = DateTime)]
    pub(super) updated_at: String,
}

/// Where an operation is served.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointBody {
    pub(super) op_id: String,
    pub(super) port: u16,
    pub(super) url: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct DeploymentsBody {
    pub(super) deployments: Vec<DeploymentBody>,
    pub(super) pagination: Pagination,
}

/// A job, by what the chain told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct JobBody {
    /// The transaction that listed it; empty if no node remembers that.
    pub(super) tx: String,
    /// Its address.
    pub(super) job: String,
    pub(super) deployment: String,
    pub(super) market: String,
    /// 0 if no node remembers its listing.
    pub(super) revision: u32,
    /// QUEUED, RUNNING, COMPLETED or STOPPED.
    pub(super) state: &'static str,
    /// Unix seconds; 0 if no node has taken it.
    pub(super) time_start: i64,
    /// Unix seconds; 0 while it has not ended.
    pub(super) time_end: i64,
    /// The node that ran it.
    pub(super) node: Option<String>,
    #[schema(format = DateTime)]
    pub(super) created_at: String,
    #[schema(format = DateTime)]
    pub(super) updated_at: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct JobsBody {
    pub(super) jobs: Vec<JobBody>,
    pub(super) pagination: Pagination,
}

/// A job with what it ran and what it left.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobDetailBody {
    pub(super) confidential: bool,
    pub(super) revision: u32,
    pub(super) market: String,
    /// The system program's address if no node has taken it.
    pub(super) node: String,
    pub(super) state: &'static str,
    pub(super) job_status: Option<String>,
    /// `null` if this server does not know it.
    #[schema(value_type = Option<Object>)]
    pub(super) job_definition: Option<Value>,
    /// `null` while there is none, or if this server does not get it.
    #[schema(value_type = Option<Object>)]
    pub(super) job_result: Option<Value>,
    /// Unix seconds.
    pub(super) time_start: i64,
    /// Unix seconds.
    pub(super) time_end: i64,
    /// Unix seconds.
    pub(super) listed_at: i64,
}

/// Something that happened, by the transaction in which it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventBody {
    /// `Deployment` for what concerns all of it, `Event` for what concerns a job.
    pub(super) category: &'static str,
    pub(super) deployment_id: String,
    /// A word for it: `STARTING`, `JOB_LISTED` and so on.
    pub(super) r#type: String,
    pub(super) message: String,
    pub(super) tx: String,
    #[serde(rename = "created_at")]
    #[schema(format = DateTime)]
    pub(super) created_at: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct EventsBody {
    pub(super) events: Vec<EventBody>,
    pub(super) pagination: Pagination,
}

/// Something that keepers will do. No server keeps a list of it: it follows from the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct TaskBody {
    /// LIST, EXTEND or STOP.
    pub(super) task: &'static str,
    #[serde(rename = "deploymentId")]
    pub(super) deployment_id: String,
    /// Jobs that it is about.
    pub(super) limit: u32,
    pub(super) active_revision: u32,
    #[schema(format = DateTime)]
    pub(super) due_at: String,
    #[schema(format = DateTime)]
    pub(super) created_at: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct TasksBody {
    pub(super) tasks: Vec<TaskBody>,
    pub(super) pagination: Pagination,
}

/// A revision of the job definition.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct RevisionBody {
    pub(super) revision: u32,
    pub(super) deployment: String,
    /// Its CID.
    pub(super) ipfs_definition_hash: String,
    /// `null` if this server does not know it.
    #[schema(value_type = Option<Object>)]
    pub(super) job_definition: Option<Value>,
    #[schema(format = DateTime)]
    pub(super) created_at: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct RevisionsBody {
    pub(super) revisions: Vec<RevisionBody>,
    pub(super) pagination: Pagination,
}

#[derive(Serialize, ToSchema)]
pub(super) struct VaultBody {
    pub(super) vault: String,
    pub(super) owner: String,
    /// When its first deployment was created.
    #[schema(format = DateTime)]
    pub(super) created_at: String,
}

/// What starting, stopping or archiving answers.
#[derive(Serialize, ToSchema)]
pub(super) struct StatusBody {
    pub(super) status: &'static str,
    #[schema(format = DateTime)]
    pub(super) updated_at: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplicasBody {
    /// 1 to 100; INFINITE, SCHEDULED: also 0.
    #[schema(maximum = 100)]
    pub(super) replicas: u32,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeoutBody {
    /// Minutes, 1 to 43200.
    #[schema(minimum = 1, maximum = 43_200)]
    pub(super) timeout: u32,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScheduleBody {
    /// Five cron fields, in UTC.
    pub(super) schedule: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NameBody {
    /// At most 64 bytes.
    #[schema(min_length = 1, max_length = 64)]
    pub(super) name: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MarketBody {
    /// Address of a GPU market.
    pub(super) market: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ActiveRevisionBody {
    #[schema(minimum = 1)]
    pub(super) active_revision: u32,
}

/// Declares what changing a setting answers: the setting as it is from now on.
macro_rules! changed {
    ($($name:ident { $field:ident: $type:ty })+) => {
        $(#[derive(Serialize, ToSchema)]
        pub(super) struct $name {
            pub(super) $field: $type,
            #[schema(format = DateTime)]
            pub(super) updated_at: String,
        })+
    };
}

changed! {
    ReplicasChanged { replicas: u32 }
    TimeoutChanged { timeout: u32 }
    ScheduleChanged { schedule: String }
    NameChanged { name: String }
    MarketChanged { market: String }
}

/// The revision that new jobs run from now on.
#[derive(Serialize, ToSchema)]
pub(super) struct RolledBody {
    pub(super) active_revision: u32,
    pub(super) endpoints: Vec<EndpointBody>,
    pub(super) revisions: Vec<RevisionBody>,
    #[schema(format = DateTime)]
    pub(super) updated_at: String,
}

/// What is taken out of a vault; everything, if nothing is named.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WithdrawBody {
    /// Whole SOL, with decimals.
    #[serde(rename = "SOL")]
    #[schema(value_type = Option<f64>)]
    pub(super) sol: Option<serde_json::Number>,
    /// Whole NOS, with decimals.
    #[serde(rename = "NOS")]
    #[schema(value_type = Option<f64>)]
    pub(super) nos: Option<serde_json::Number>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct TransactionBody {
    /// A version 0 transaction in base64, for its fee payer to sign.
    pub(super) transaction: String,
}
