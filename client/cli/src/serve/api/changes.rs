//! Routes that have something done: with the server's key, for its owner.

use super::{Answer, This};
use crate::serve::{
    bodies::{
        date_time, ActiveRevisionBody, DeploymentBody, MarketBody, MarketChanged, NameBody,
        NameChanged, ReplicasBody, ReplicasChanged, RolledBody, ScheduleBody, ScheduleChanged,
        StatusBody, TimeoutBody, TimeoutChanged,
    },
    body::Body,
    refusal::{Failures, Refusal},
    wish::{Deed, Wish},
    Server,
};
use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    Json,
};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    domain::cron::Schedule,
    instructions::{SettingsArgs, UpdateArgs},
    spec::import,
    DeploymentSpec,
};
use serde_json::Value;
use std::sync::Arc;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(delete))
        .routes(routes!(start))
        .routes(routes!(stop))
        .routes(routes!(archive))
        .routes(routes!(update_replicas))
        .routes(routes!(update_timeout))
        .routes(routes!(update_schedule))
        .routes(routes!(update_name))
        .routes(routes!(update_market))
        .routes(routes!(update_active_revision))
        .routes(routes!(create_revision))
}

/// Create a deployment, in the service's words: times of rotation are seconds. Nothing runs before its vault is
/// funded.
#[utoipa::path(post, path = "/api/deployments/create", tag = "Deployments",
    request_body = Object,
    responses((status = 200, body = DeploymentBody), Failures),
    security(("Authorization" = [])))]
async fn create(
    State(server): This,
    headers: HeaderMap,
    Body(body): Body<Value>,
) -> Answer<DeploymentBody> {
    let owner = server.admit(&headers)?;
    let wish = Wish::Create(Box::new(spec_of(&body)?));
    let plan = server.act(&owner, wish).await?;
    let address = plan.deployment.unwrap_or_default();
    let created = server.context.cluster.deployment(&address).await?;
    Ok(Json(server.deployment_body(&created).await))
}

/// A deployment from the service's words: as `import` reads them, and what only a new one says.
fn spec_of(body: &Value) -> Result<DeploymentSpec, Refusal> {
    let mut imported = import(body)?;
    let Some(imported) = imported.pop().filter(|_| imported.is_empty()) else {
        return Err(Refusal::invalid("use one deployment"));
    };
    let mut ours = imported.deployment;
    for field in ["vault", "new_vault", "autostart"] {
        if let Some(value) = body.get(field) {
            ours[field] = value.clone();
        }
    }
    Ok(DeploymentSpec::from_json(&ours.to_string())?)
}

/// Close a deployment that has stopped, and get its rent back. Its vault stays.
#[utoipa::path(delete, path = "/api/deployments/{deployment}", tag = "Deployments",
    params(("deployment" = String, Path, description = "Its address")),
    responses((status = 204), Failures),
    security(("Authorization" = [])))]
async fn delete(
    State(server): This,
    Path(deployment): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let owner = server.admit(&headers)?;
    let found = server.deployment(&deployment).await?;
    server
        .act(&owner, Wish::With(Box::new(found), Deed::Delete))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Does something with a deployment and returns it as it is then.
async fn changed(
    server: &Server,
    headers: &HeaderMap,
    deployment: &str,
    deed: Deed,
) -> Result<DeploymentAccount, Refusal> {
    let owner = server.admit(headers)?;
    let found = server.deployment(deployment).await?;
    server
        .act(&owner, Wish::With(Box::new(found), deed))
        .await?;
    server.deployment(deployment).await
}

fn status_of(deployment: &DeploymentAccount) -> Json<StatusBody> {
    Json(StatusBody {
        status: deployment.status().name(),
        updated_at: date_time(deployment.header.status_changed_at),
    })
}

/// Start a deployment.
#[utoipa::path(post, path = "/api/deployments/{deployment}/start", tag = "Deployments",
    params(("deployment" = String, Path, description = "Its address")),
    responses((status = 200, body = StatusBody), Failures),
    security(("Authorization" = [])))]
async fn start(
    State(server): This,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer<StatusBody> {
    Ok(status_of(
        &changed(&server, &headers, &id, Deed::Start).await?,
    ))
}

/// Stop a deployment.
#[utoipa::path(post, path = "/api/deployments/{deployment}/stop", tag = "Deployments",
    params(("deployment" = String, Path, description = "Its address")),
    responses((status = 200, body = StatusBody), Failures),
    security(("Authorization" = [])))]
async fn stop(
    State(server): This,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer<StatusBody> {
    let deed = Deed::Stop;
    Ok(status_of(&changed(&server, &headers, &id, deed).await?))
}

/// Archive a deployment that has stopped, for good.
#[utoipa::path(post, path = "/api/deployments/{deployment}/archive", tag = "Deployments",
    params(("deployment" = String, Path, description = "Its address")),
    responses((status = 200, body = StatusBody), Failures),
    security(("Authorization" = [])))]
async fn archive(
    State(server): This,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer<StatusBody> {
    Ok(status_of(
        &changed(&server, &headers, &id, Deed::Archive).await?,
    ))
}

fn settings(settings: SettingsArgs) -> Deed {
    Deed::Update(UpdateArgs {
        settings,
        ..UpdateArgs::default()
    })
}

/// Change how many jobs run.
#[utoipa::path(patch, path = "/api/deployments/{deployment}/update-replica-count", tag = "Deployments",
    params(("deployment" = String, Path, description = "Its address")),
    request_body = ReplicasBody,
    responses((status = 200, body = ReplicasChanged), Failures),
    security(("Authorization" = [])))]
async fn update_replicas(
    State(server): This,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(body): Body<ReplicasBody>,
) -> Answer<ReplicasChanged> {
    let deed = settings(SettingsArgs {
        replicas: Some(body.replicas),
        ..SettingsArgs::default()
    });
    changed(&server, &headers, &id, deed).await?;
    Ok(Json(ReplicasChanged {
        replicas: body.replicas,
        updated_at: server.now().await?,
    }))
}

/// Change how long a job may run.
#[utoipa::path(patch, path = "/api/deployments/{deployment}/update-timeout", tag = "Deployments",
    params(("deployment" = String, Path, description = "Its address")),
    request_body = TimeoutBody,
    responses((status = 200, body = TimeoutChanged), Failures),
    security(("Authorization" = [])))]
async fn update_timeout(
    State(server): This,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(body): Body<TimeoutBody>,
) -> Answer<TimeoutChanged> {
    let deed = settings(SettingsArgs {
        timeout_seconds: Some(body.timeout.saturating_mul(60)),
        ..SettingsArgs::default()
    });
    changed(&server, &headers, &id, deed).await?;
    Ok(Json(TimeoutChanged {
        timeout: body.timeout,
        updated_at: server.now().await?,
    }))
}

/// Change when a SCHEDULED deployment fires.
#[utoipa::path(patch, path = "/api/deployments/{deployment}/update-schedule", tag = "Deployments",
    params(("deployment" = String, Path, description = "Its address")),
    request_body = ScheduleBody,
    responses((status = 200, body = ScheduleChanged), Failures),
    security(("Authorization" = [])))]
async fn update_schedule(
    State(server): This,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(body): Body<ScheduleBody>,
) -> Answer<ScheduleChanged> {
    let schedule = Schedule::parse(&body.schedule).map_err(|error| {
        Refusal::invalid(format!(
            "schedule: {:?} is not valid; {error}",
            body.schedule
        ))
    })?;
    let deed = settings(SettingsArgs {
        schedule: Some(schedule.into()),
        ..SettingsArgs::default()
    });
    changed(&server, &headers, &id, deed).await?;
    Ok(Json(ScheduleChanged {
        schedule: body.schedule,
        updated_at: server.now().await?,
    }))
}

/// Change the name.
#[utoipa::path(patch, path = "/api/deployments/{deployment}/update-name", tag = "Deployments",
    params(("deployment" = String, Path, description = "Its address")),
    request_body = NameBody,
    responses((status = 200, body = NameChanged), Failures),
    security(("Authorization" = [])))]
async fn update_name(
    State(server): This,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(body): Body<NameBody>,
) -> Answer<NameChanged> {
    if body.name.is_empty() {
        return Err(Refusal::invalid(
            "name: \"\" is not valid; use 1 to 64 bytes",
        ));
    }
    let deed = Deed::Update(UpdateArgs {
        name: Some(body.name.clone()),
        ..UpdateArgs::default()
    });
    changed(&server, &headers, &id, deed).await?;
    Ok(Json(NameChanged {
        name: body.name,
        updated_at: server.now().await?,
    }))
}

/// List jobs on another market from now on; while no job is active.
#[utoipa::path(patch, path = "/api/deployments/{deployment}/update-market", tag = "Deployments",
    params(("deployment" = String, Path, description = "Its address")),
    request_body = MarketBody,
    responses((status = 200, body = MarketChanged), Failures),
    security(("Authorization" = [])))]
async fn update_market(
    State(server): This,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(body): Body<MarketBody>,
) -> Answer<MarketChanged> {
    let market = body.market.parse().map_err(|_| {
        Refusal::invalid(format!(
            "market: {:?} is not valid; use the market's base58 public key",
            body.market
        ))
    })?;
    changed(&server, &headers, &id, Deed::Move(market)).await?;
    Ok(Json(MarketChanged {
        market: body.market,
        updated_at: server.now().await?,
    }))
}

async fn rolled(server: &Server, deployment: &DeploymentAccount) -> Answer<RolledBody> {
    Ok(Json(RolledBody {
        active_revision: deployment.header.revision,
        endpoints: server.endpoints(deployment).await,
        revisions: server.revisions(deployment).await?,
        updated_at: server.now().await?,
    }))
}

/// Roll to another revision.
#[utoipa::path(patch, path = "/api/deployments/{deployment}/update-active-revision", tag = "Deployments",
    params(("deployment" = String, Path, description = "Its address")),
    request_body = ActiveRevisionBody,
    responses((status = 200, body = RolledBody), Failures),
    security(("Authorization" = [])))]
async fn update_active_revision(
    State(server): This,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(body): Body<ActiveRevisionBody>,
) -> Answer<RolledBody> {
    let deed = Deed::Update(UpdateArgs {
        revision: Some(body.active_revision),
        ..UpdateArgs::default()
    });
    let deployment = changed(&server, &headers, &id, deed).await?;
    rolled(&server, &deployment).await
}

/// Add a revision, and roll to it. The body is the job definition.
#[utoipa::path(post, path = "/api/deployments/{deployment}/create-revision", tag = "Deployments",
    params(("deployment" = String, Path, description = "Its address")),
    request_body = Object,
    responses((status = 200, body = RolledBody), Failures),
    security(("Authorization" = [])))]
async fn create_revision(
    State(server): This,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(definition): Body<Value>,
) -> Answer<RolledBody> {
    let deed = Deed::AddRevision(definition);
    let deployment = changed(&server, &headers, &id, deed).await?;
    rolled(&server, &deployment).await
}
