//! A deployment as it changes: first how it is, then whatever happens, as server-sent events in the service's
//! words. Nodes push nothing here: the chain is looked at every two seconds.

use super::{
    authorization::require_same_origin,
    book::{events, tasks},
    refusal::{Failures, Refusal},
    Server,
};
use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{stream as streams, Stream};
use serde_json::{json, Value};
use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// An idle stream is kept alive through proxies.
const HEARTBEAT: Duration = Duration::from_secs(25);

/// A deployment's changes as they happen, as server-sent events: `deployment`, `job`, `task` and `event`.
#[utoipa::path(get, path = "/api/deployments/{deployment}/stream", tag = "Deployments",
    params(("deployment" = String, Path, description = "Its address")),
    responses((status = 200, content_type = "text/event-stream", body = String), Failures))]
pub(super) async fn stream(
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    require_same_origin(&headers)?;
    let mut watch = Watch {
        server,
        id,
        seen: BTreeMap::new(),
        sequence: None,
        waiting: VecDeque::new(),
    };
    // Refused now, rather than by a stream that ends at once.
    watch.look().await?;
    let frames = streams::unfold(watch, |mut watch| async {
        let frame = watch.next().await?;
        Some((Ok(Event::default().data(frame.to_string())), watch))
    });
    Ok(Sse::new(frames).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

struct Watch {
    server: Arc<Server>,
    id: String,
    /// The latest frame about the deployment, about each job and about each task.
    seen: BTreeMap<String, Value>,
    /// Number of the last change whose events were told.
    sequence: Option<u64>,
    waiting: VecDeque<Value>,
}

impl Watch {
    /// The next frame; `None` once the deployment is gone.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                return Some(frame);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            match self.look().await {
                Err(refusal) if refusal.status == 404 => return None,
                // A node that stumbles must not end the stream.
                Err(_) | Ok(()) => {}
            }
        }
    }

    /// Looks at the chain, and has what is new told.
    async fn look(&mut self) -> Result<(), Refusal> {
        let read = self.server.read(&self.id).await?;
        let (jobs, snapshot) = self.server.jobs(&read).await?;
        let header = &read.deployment.header;
        let mut now: Vec<(String, Value)> = vec![(
            "deployment".into(),
            json!({
                "type": "deployment",
                "status": read.deployment.status().name(),
                "replicas": header.replicas,
                "active_revision": header.revision,
            }),
        )];
        for job in jobs {
            let frame = json!({
                "type": "job",
                "job": job.job,
                "state": job.state,
                "node": job.node,
                "timeStart": job.time_start,
                "timeEnd": job.time_end,
            });
            // Those that were over before anybody looked are the list's.
            let is_over = matches!(job.state, "COMPLETED" | "STOPPED");
            let is_first = self.sequence.is_none();
            match is_over && is_first {
                true => drop(self.seen.insert(job.job, frame)),
                false => now.push((job.job, frame)),
            }
        }
        for task in tasks(&snapshot) {
            let id = format!("{}-{}", task.task, task.due_at);
            let frame = json!({
                "type": "task",
                "id": id,
                "task": task.task,
                "status": "PENDING",
                "attempts": 0,
                "due_at": task.due_at,
                "job": null,
            });
            now.push((id, frame));
        }
        for (name, frame) in now {
            if self.seen.get(&name) != Some(&frame) {
                self.waiting.push_back(frame.clone());
                self.seen.insert(name, frame);
            }
        }
        let entries = &read.history.entries;
        if let Some(told) = self.sequence {
            let new = entries.iter().filter(|entry| entry.sequence() > told);
            let new: Vec<_> = new.cloned().collect();
            for event in events(&read.deployment.address, &new) {
                self.waiting.push_back(json!({
                    "type": "event",
                    "category": event.category,
                    "event": event.r#type,
                    "message": event.message,
                    "tx": event.tx,
                    "created_at": event.created_at,
                }));
            }
        }
        let latest = entries.last().map(|entry| entry.sequence());
        self.sequence = latest.or(self.sequence).or(Some(0));
        Ok(())
    }
}
