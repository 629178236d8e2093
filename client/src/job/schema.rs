//! Nosana's job definition as types. Each line of documentation is also what an editor shows, and
//! what an error says after "use", so each says what is valid.

#![allow(missing_docs)] // A variant's or a type's line covers the fields whose names say it all.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// an object with version, type and ops
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobDefinition {
    pub version: Version,
    pub r#type: JobType,
    /// a list of operations, at least one unless logistics hands them to nodes
    pub ops: Vec<Op>,
    pub global: Option<Global>,
    pub logistics: Option<Logistics>,
    /// an object of strings, numbers, lists of these and maps of these
    pub meta: Option<Meta>,
    /// a string
    pub deployment_id: Option<String>,
    pub ssh: Option<Ssh>,
}

/// "0.1", the only version
#[derive(JsonSchema, Deserialize)]
pub enum Version {
    #[serde(rename = "0.1")]
    V0_1,
}

/// "container", the only type
#[derive(JsonSchema, Deserialize)]
pub enum JobType {
    #[serde(rename = "container")]
    Container,
}

/// an object of strings, numbers, lists of these and maps of these
#[derive(JsonSchema, Deserialize)]
pub struct Meta {
    /// a string: who made the job
    pub trigger: Option<String>,
    /// a map of strings and numbers
    pub system_resources: Option<BTreeMap<String, Scalar>>,
    #[serde(flatten)]
    pub others: BTreeMap<String, MetaValue>,
}

/// a string or a number
#[derive(JsonSchema, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    String(String),
    Number(f64),
}

/// a string, a number, a list of these or a map of these
#[derive(JsonSchema, Deserialize)]
#[serde(untagged)]
pub enum MetaValue {
    Scalar(Scalar),
    List(Vec<Scalar>),
    Map(BTreeMap<String, MetaItem>),
}

/// a string, a number or a list of these
#[derive(JsonSchema, Deserialize)]
#[serde(untagged)]
pub enum MetaItem {
    Scalar(Scalar),
    List(Vec<Scalar>),
}

/// an object of defaults: image, gpu, entrypoint, env, work_dir and variables
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Global {
    /// a container image
    pub image: Option<String>,
    /// true or false
    pub gpu: Option<bool>,
    pub entrypoint: Option<Words>,
    pub env: Option<Env>,
    /// a path
    pub work_dir: Option<String>,
    pub variables: Option<Env>,
}

/// an object with send and receive
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logistics {
    pub send: Logistic,
    pub receive: Logistic,
}

/// an object with type and args
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logistic {
    pub r#type: LogisticType,
    pub args: LogisticArgs,
}

/// "api" or "api-listen"
#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogisticType {
    Api,
    ApiListen,
}

/// an object, with an endpoint or empty
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogisticArgs {
    /// a string
    pub endpoint: Option<String>,
}

/// an object with public_keys
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ssh {
    /// a list of strings
    pub public_keys: Option<Vec<String>>,
}

/// an operation: type "container/run" or "container/create-volume", with id and args
#[derive(JsonSchema, Deserialize)]
#[serde(untagged)]
pub enum Op {
    Run(Box<RunOp>),
    Volume(VolumeOp),
}

/// an operation that runs a container
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunOp {
    pub r#type: RunType,
    pub id: OpId,
    pub args: Run,
    pub results: Option<Results>,
    pub execution: Option<Execution>,
}

/// "container/run" or "container/create-volume"
#[derive(JsonSchema, Deserialize)]
pub enum RunType {
    #[serde(rename = "container/run")]
    Run,
}

/// an operation that makes a volume
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeOp {
    pub r#type: VolumeType,
    pub id: OpId,
    pub args: CreateVolume,
    pub results: Option<Results>,
    pub execution: Option<Execution>,
}

/// "container/create-volume" or "container/run"
#[derive(JsonSchema, Deserialize)]
pub enum VolumeType {
    #[serde(rename = "container/create-volume")]
    CreateVolume,
}

/// an id without spaces, unique among the operations
#[derive(JsonSchema, Deserialize)]
pub struct OpId(#[schemars(regex(pattern = "^[^ ]+$"))] pub String);

/// an object with the volume's name
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateVolume {
    /// a string
    pub name: String,
}

/// an object with an image, and how to run it
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// a container image, for example "docker.io/library/ubuntu:24.04"
    #[schemars(length(min = 1))]
    pub image: String,
    pub aliases: Option<Words>,
    pub cmd: Option<Words>,
    pub entrypoint: Option<Words>,
    /// a list of { "name": ..., "dest": ... }
    pub volumes: Option<Vec<VolumeMount>>,
    pub expose: Option<Expose>,
    /// true or false
    pub gpu: Option<bool>,
    /// a path
    pub work_dir: Option<String>,
    pub env: Option<Env>,
    /// true or false
    pub private: Option<bool>,
    /// a list of resources of type S3, HF or Ollama
    pub resources: Option<Vec<Resource>>,
    pub authentication: Option<Authentication>,
    pub restart_policy: Option<RestartPolicy>,
}

/// a string or a list of strings
#[derive(JsonSchema, Deserialize)]
#[serde(untagged)]
pub enum Words {
    One(String),
    Many(Vec<String>),
}

/// a map of strings; quote numbers and true or false: "8080"
#[derive(JsonSchema, Deserialize)]
pub struct Env(pub BTreeMap<String, EnvValue>);

/// a string; quote numbers and true or false: "8080"
#[derive(JsonSchema, Deserialize)]
pub struct EnvValue(pub String);

/// a volume's name and its dest, a path in the container
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeMount {
    /// a volume's name
    pub name: String,
    /// a path in the container
    pub dest: String,
}

/// a port, an object with a port, a placeholder, or a list of these
#[derive(JsonSchema, Deserialize)]
#[serde(untagged)]
pub enum Expose {
    Many(Vec<Exposed>),
    Port(Port),
    Literal(Literal),
    Spread(Spread),
    Service(Service),
}

/// a port, an object with a port, or a placeholder
#[derive(JsonSchema, Deserialize)]
#[serde(untagged)]
pub enum Exposed {
    Port(Port),
    Literal(Literal),
    Spread(Spread),
    Service(Service),
}

/// a port, 1 to 65535
#[derive(JsonSchema, Deserialize)]
pub struct Port(#[schemars(range(min = 1, max = 65535))] pub u16);

/// a placeholder, for example %%ops.web.results.url%% or %%global.variables.key%%
#[derive(JsonSchema, Deserialize)]
pub struct Literal(#[schemars(regex(pattern = "^%%(ops|global).[^%]+%%$"))] pub String);

/// an object with a placeholder as its __spread__
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    pub __spread__: Literal,
    /// true or false
    pub chunked: Option<bool>,
}

/// an object with a port, and its type and health_checks
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub port: Port,
    pub r#type: Option<ServiceType>,
    /// a list of health checks
    pub health_checks: Option<Vec<HealthCheck>>,
}

/// "api", "web", "webapi", "websocket" or "none"
#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceType {
    Api,
    Web,
    Webapi,
    Websocket,
    None,
}

/// a health check of type "http" or "websocket"
#[derive(JsonSchema, Deserialize)]
#[serde(untagged)]
pub enum HealthCheck {
    Http(HttpCheck),
    Websocket(WebsocketCheck),
}

/// a health check over HTTP
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpCheck {
    pub r#type: HttpType,
    /// a path, for example "/health"
    pub path: String,
    pub method: Method,
    /// an HTTP status, for example 200
    pub expected_status: f64,
    /// true to check as long as the job runs, false until it first succeeds
    pub continuous: bool,
    pub headers: Option<Env>,
    /// any JSON
    #[serde(default)]
    pub body: Value,
}

/// "http" or "websocket"
#[derive(JsonSchema, Deserialize)]
pub enum HttpType {
    #[serde(rename = "http")]
    Http,
}

/// "GET", "POST", "PUT" or "DELETE"
#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
}

/// a health check over a WebSocket
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebsocketCheck {
    pub r#type: WebsocketType,
    /// a string
    pub expected_response: String,
    /// true to check as long as the job runs, false until it first succeeds
    pub continuous: bool,
}

/// "websocket" or "http"
#[derive(JsonSchema, Deserialize)]
pub enum WebsocketType {
    #[serde(rename = "websocket")]
    Websocket,
}

/// a resource of type "S3", "HF" or "Ollama", or a placeholder
#[derive(JsonSchema, Deserialize)]
#[serde(untagged)]
pub enum Resource {
    RemoveIfEmpty(RemoveIfEmpty),
    Spread(Spread),
    S3(S3),
    S3Bucket(S3Bucket),
    S3Buckets(S3Buckets),
    HuggingFace(HuggingFace),
    Ollama(Ollama),
}

/// "__remove-if-empty__"
#[derive(JsonSchema, Deserialize)]
pub enum RemoveIfEmpty {
    #[serde(rename = "__remove-if-empty__")]
    RemoveIfEmpty,
}

/// "S3", "HF" or "Ollama"
#[derive(JsonSchema, Deserialize)]
pub enum S3Type {
    S3,
}

/// files from S3
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    pub r#type: S3Type,
    /// a path in the container
    pub target: String,
    /// a URL
    pub url: Option<String>,
    /// true or false
    #[serde(rename = "allowWrite")]
    pub allow_write: Option<bool>,
    #[serde(rename = "IAM")]
    pub iam: Option<Iam>,
    /// a list of strings
    pub files: Option<Vec<String>>,
}

/// a bucket of S3
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Bucket {
    pub r#type: S3Type,
    /// a path in the container
    pub target: String,
    /// a URL
    pub url: Option<String>,
    /// true or false
    #[serde(rename = "allowWrite")]
    pub allow_write: Option<bool>,
    #[serde(rename = "IAM")]
    pub iam: Option<Iam>,
    /// a string
    pub bucket: String,
}

/// buckets of S3
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Buckets {
    pub r#type: S3Type,
    /// a path in the container
    pub target: String,
    /// a URL
    pub url: Option<String>,
    /// true or false
    #[serde(rename = "allowWrite")]
    pub allow_write: Option<bool>,
    #[serde(rename = "IAM")]
    pub iam: Option<Iam>,
    /// a list of { "url": ..., "files": [...] }
    pub buckets: Vec<Bucket>,
}

/// an object with url and files
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// a URL
    pub url: String,
    /// a list of strings
    pub files: Option<Vec<String>>,
}

/// an object with REGION, ACCESS_KEY_ID and SECRET_ACCESS_KEY
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Iam {
    /// a string
    pub region: String,
    /// a string
    pub access_key_id: String,
    /// a string
    pub secret_access_key: String,
}

/// a repository of Hugging Face
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HuggingFace {
    pub r#type: HuggingFaceType,
    /// a path in the container
    pub target: String,
    /// a repository, for example "Qwen/Qwen3-8B"
    pub repo: String,
    /// a string
    pub revision: Option<String>,
    /// a list of strings
    pub files: Option<Vec<String>>,
    /// a string
    #[serde(rename = "accessToken")]
    pub access_token: Option<String>,
}

/// "HF", "S3" or "Ollama"
#[derive(JsonSchema, Deserialize)]
pub enum HuggingFaceType {
    HF,
}

/// a model of Ollama
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ollama {
    pub r#type: OllamaType,
    /// a model, for example "gemma3:4b"
    pub model: String,
    /// a path in the container
    pub target: Option<String>,
}

/// "Ollama", "S3" or "HF"
#[derive(JsonSchema, Deserialize)]
pub enum OllamaType {
    Ollama,
}

/// an object with docker
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authentication {
    pub docker: Option<DockerAuthentication>,
}

/// an object with username, password, email and server
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DockerAuthentication {
    /// a string
    pub username: Option<String>,
    /// a string
    pub password: Option<String>,
    /// a string
    pub email: Option<String>,
    /// a string
    pub server: Option<String>,
}

/// "no", "always", "unless-stopped", "on-failure" or { "policy": "on-failure", "restart_tries": 3 }
#[derive(JsonSchema, Deserialize)]
#[serde(untagged)]
pub enum RestartPolicy {
    Name(RestartPolicyName),
    OnFailure(OnFailure),
}

/// "no", "always", "unless-stopped" or "on-failure"
#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicyName {
    No,
    Always,
    UnlessStopped,
    OnFailure,
}

/// an object with policy and restart_tries
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnFailure {
    pub policy: OnFailurePolicy,
    /// a number
    pub restart_tries: Option<f64>,
}

/// "on-failure"
#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailurePolicy {
    OnFailure,
}

/// a map of results, each a regular expression or an object with regex and logType
#[derive(JsonSchema, Deserialize)]
pub struct Results(pub BTreeMap<String, ResultRule>);

/// a regular expression or an object with regex and logType
#[derive(JsonSchema, Deserialize)]
#[serde(untagged)]
pub enum ResultRule {
    Path(String),
    Logs(LogRule),
}

/// an object with regex and logType
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogRule {
    /// a regular expression
    pub regex: String,
    /// 1 to 4 different ones of "stdin", "stdout", "stderr" and "nodeerr"
    #[serde(rename = "logType")]
    #[schemars(length(min = 1, max = 4), extend("uniqueItems" = true))]
    pub log_type: Vec<LogType>,
}

/// "stdin", "stdout", "stderr" or "nodeerr"
#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogType {
    Stdin,
    Stdout,
    Stderr,
    Nodeerr,
}

/// an object with group, depends_on, stop_if_dependent_stops and timeout
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
#[schemars(extend("dependentRequired" = { "stop_if_dependent_stops": ["depends_on"] }))]
pub struct Execution {
    /// a string
    pub group: Option<String>,
    /// a list of other operations' ids
    pub depends_on: Option<Vec<String>>,
    /// true or false, beside depends_on
    pub stop_if_dependent_stops: Option<bool>,
    /// a number
    pub timeout: Option<f64>,
}
