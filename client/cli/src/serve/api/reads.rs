//! Routes that read: anybody's, as the chain is.

use super::{Answer, This};
use crate::definitions::is_stub;
use crate::serve::{
    authorization::named_owner,
    bodies::{
        DeploymentBody, DeploymentsBody, EventsBody, JobDetailBody, JobsBody, RevisionsBody,
        TasksBody,
    },
    body::Query,
    book::{events, job_body, Listings},
    paging::{is_among, Page},
    refusal::{Failures, Refusal},
    Server,
};
use axum::{
    extract::{Path, State},
    http::HeaderMap,
    Json,
};
use nosana_deploy_client::accounts::DeploymentAccount;
use serde::Deserialize;
use serde_json::Value;
use solana_program::pubkey::Pubkey;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(list_revisions))
        .routes(routes!(list_jobs))
        .routes(routes!(get_job))
        .routes(routes!(list_events))
        .routes(routes!(list_tasks))
}

/// Which deployments are wanted.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DeploymentFilter {
    /// Whose; for those who send no `x-user-id`.
    owner: Option<String>,
    /// Part of the address or the name, in any case.
    search: Option<String>,
    /// The address.
    id: Option<String>,
    /// The name.
    name: Option<String>,
    /// Statuses, separated by commas.
    status: Option<String>,
    /// Strategies, separated by commas.
    strategy: Option<String>,
    /// The vault's address.
    vault: Option<String>,
}

impl DeploymentFilter {
    fn matches(&self, deployment: &DeploymentAccount) -> bool {
        let (address, name) = (deployment.address.to_string(), deployment.header.name());
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        let contains = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        let search = self.search.as_deref();
        search.is_none_or(|part| contains(&address, part) || contains(name, part))
            && is(&self.id, &address)
            && is(&self.name, name)
            && is(&self.vault, &deployment.header.vault.to_string())
            && is_among(self.status.as_deref(), deployment.status().name())
            && is_among(self.strategy.as_deref(), deployment.strategy().name())
    }
}

/// An owner's deployments.
#[utoipa::path(get, path = "/api/deployments", tag = "Deployments",
    params(("x-user-id" = Option<String>, Header, description = "Whose"), DeploymentFilter, Page),
    responses((status = 200, body = DeploymentsBody), Failures))]
async fn list(
    State(server): This,
    headers: HeaderMap,
    Query(filter): Query<DeploymentFilter>,
    Query(page): Query<Page>,
) -> Answer<DeploymentsBody> {
    let owner = match &filter.owner {
        Some(owner) => owner
            .parse()
            .map_err(|_| Refusal::invalid(format!("owner: {owner:?} is not a base58 address")))?,
        None => named_owner(&headers)?,
    };
    let found = server.context.cluster.deployments_of(&owner).await?;
    let readable = found.into_iter().filter_map(|(_, found)| found.ok());
    let wanted = readable.filter(|deployment| filter.matches(deployment));
    let (wanted, pagination) = page.of(wanted.collect())?;
    Ok(Json(DeploymentsBody {
        deployments: server.deployment_bodies(&wanted).await,
        pagination,
    }))
}

/// A deployment.
#[utoipa::path(get, path = "/api/deployments/{deployment}", tag = "Deployments",
    params(("deployment" = String, Path, description = "Its address")),
    responses((status = 200, body = DeploymentBody), Failures))]
async fn get(State(server): This, Path(deployment): Path<String>) -> Answer<DeploymentBody> {
    let found = server.deployment(&deployment).await?;
    Ok(Json(server.deployment_body(&found).await))
}

/// A deployment's revisions.
#[utoipa::path(get, path = "/api/deployments/{deployment}/revisions", tag = "Deployments",
    params(("deployment" = String, Path, description = "Its address"), Page),
    responses((status = 200, body = RevisionsBody), Failures))]
async fn list_revisions(
    State(server): This,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Answer<RevisionsBody> {
    let deployment = server.deployment(&id).await?;
    let (revisions, pagination) = page.of(server.revisions(&deployment).await?)?;
    Ok(Json(RevisionsBody {
        revisions,
        pagination,
    }))
}

/// Which jobs are wanted.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct JobFilter {
    /// States, separated by commas: QUEUED, RUNNING, COMPLETED, STOPPED.
    state: Option<String>,
    /// The address.
    job: Option<String>,
    /// The revision, by its number.
    revision: Option<String>,
}

/// A deployment's jobs, those that are over included.
#[utoipa::path(get, path = "/api/deployments/{deployment}/jobs", tag = "Deployments",
    params(("deployment" = String, Path, description = "Its address"), JobFilter, Page),
    responses((status = 200, body = JobsBody), Failures))]
async fn list_jobs(
    State(server): This,
    Path(id): Path<String>,
    Query(filter): Query<JobFilter>,
    Query(page): Query<Page>,
) -> Answer<JobsBody> {
    let read = server.read(&id).await?;
    let (mut jobs, _) = server.jobs(&read).await?;
    let is =
        |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
    jobs.retain(|job| {
        is_among(filter.state.as_deref(), job.state)
            && is(&filter.job, &job.job)
            && is(&filter.revision, &job.revision.to_string())
    });
    let (jobs, pagination) = page.of(jobs)?;
    Ok(Json(JobsBody { jobs, pagination }))
}

/// A job, with what it ran and what it left.
#[utoipa::path(get, path = "/api/deployments/{deployment}/jobs/{job}", tag = "Deployments",
    params(("deployment" = String, Path, description = "The deployment's address"), ("job" = String, Path, description = "The job's address")),
    responses((status = 200, body = JobDetailBody), Failures))]
async fn get_job(
    State(server): This,
    Path((id, job)): Path<(String, String)>,
) -> Answer<JobDetailBody> {
    let read = server.read(&id).await?;
    let missing = || Refusal::missing(format!("job {job:?} is none of deployment {id}"));
    let address: Pubkey = job.parse().map_err(|_| missing())?;
    let records = read.history.jobs.values();
    let mut records = records.filter(|job| read.deployment.job_address(job.index) == address);
    let record = records.next().ok_or_else(missing)?;
    let snapshot = server
        .context
        .cluster
        .snapshot(&read.deployment.address)
        .await?;
    let mut observed = snapshot.jobs.iter();
    let observed = observed.find(|job| job.slot.index == record.index);
    let body = job_body(&read, &Listings::of(&read), record, observed);
    let all = server.context.cluster.revisions(&read.deployment).await?;
    let digest = all.iter().find(|(number, ..)| *number == body.revision);
    let definition = match digest {
        Some((_, digest, _)) => server.definition(digest).await,
        None => None,
    };
    let result = server.result(&address, record.result).await;
    let status = result.as_ref().and_then(|result| result.get("status"));
    Ok(Json(JobDetailBody {
        confidential: is_stub(&read.deployment.header.job_definition),
        revision: body.revision,
        market: body.market,
        node: body.node.unwrap_or_else(|| Pubkey::default().to_string()),
        state: body.state,
        job_status: status.and_then(Value::as_str).map(str::to_owned),
        job_definition: definition.map(|definition| definition.value().clone()),
        job_result: result,
        time_start: body.time_start,
        time_end: body.time_end,
        listed_at: record.listed_at.unwrap_or_default(),
    }))
}

/// Which events are wanted.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EventFilter {
    /// Categories, separated by commas: Deployment, Event.
    category: Option<String>,
    /// Types, separated by commas.
    r#type: Option<String>,
}

/// What happened to a deployment.
#[utoipa::path(get, path = "/api/deployments/{deployment}/events", tag = "Deployments",
    params(("deployment" = String, Path, description = "Its address"), EventFilter, Page),
    responses((status = 200, body = EventsBody), Failures))]
async fn list_events(
    State(server): This,
    Path(id): Path<String>,
    Query(filter): Query<EventFilter>,
    Query(page): Query<Page>,
) -> Answer<EventsBody> {
    let read = server.read(&id).await?;
    let mut all = events(&read.deployment.address, &read.history.entries);
    all.retain(|event| {
        is_among(filter.category.as_deref(), event.category)
            && is_among(filter.r#type.as_deref(), &event.r#type)
    });
    let (events, pagination) = page.of(all)?;
    Ok(Json(EventsBody { events, pagination }))
}

/// What keepers will do for a deployment.
#[utoipa::path(get, path = "/api/deployments/{deployment}/tasks", tag = "Deployments",
    params(("deployment" = String, Path, description = "Its address"), Page),
    responses((status = 200, body = TasksBody), Failures))]
async fn list_tasks(
    State(server): This,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Answer<TasksBody> {
    let (tasks, pagination) = page.of(server.tasks(&id).await?)?;
    Ok(Json(TasksBody { tasks, pagination }))
}
