//! Figures for Prometheus.

use prometheus_client::{
    encoding::{text::encode, EncodeLabelSet},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{exponential_buckets, Histogram},
    },
    registry::{Metric, Registry},
};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What became of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Confirmed.
    Done,
    /// A different keeper was faster: it failed on chain, and cost its fee.
    Lost,
    /// A simulation showed that it would fail; nothing was sent.
    Refused,
    /// Its blockhash expired before it was confirmed.
    Expired,
    /// Its reward does not pay for it.
    Unprofitable,
    /// It costs more than may be lost on its owner this hour.
    OverBudget,
    /// The wallet would hold too little after it.
    LowBalance,
}

impl Outcome {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Lost => "lost",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Unprofitable => "unprofitable",
            Self::OverBudget => "over_budget",
            Self::LowBalance => "low_balance",
        }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Of {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Spending {
    kind: &'static str,
    /// `fee` or `rent`.
    what: &'static str,
}

/// All figures of one keeper.
pub(crate) struct Metrics {
    registry: Registry,
    actions: Family<Labels, Counter>,
    jobs: Family<Of, Counter>,
    lag: Histogram,
    rpc_errors: Counter,
    reconnects: Counter,
    spent: Family<Spending, Counter>,
    pub(crate) watched: Gauge,
    pub(crate) waiting: Gauge,
    pub(crate) waits_seconds: Gauge,
    pub(crate) balance: Gauge,
    /// 1 while subscriptions are in place.
    pub(crate) subscribed: Gauge,
    /// When the loop last went round, a scan last succeeded and the cluster last answered, unix seconds.
    pub(crate) looped: Moment,
    pub(crate) scanned: Moment,
    pub(crate) answered: Moment,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("nosana_keeper");
        let all = &mut registry;
        // A second to about a day.
        let lag = Histogram::new(exponential_buckets(1.0, 2.0, 17));
        Self {
            actions: added(
                all,
                "actions",
                "Actions by kind and outcome",
                Family::default(),
            ),
            jobs: added(
                all,
                "jobs",
                "Jobs handled by actions that are done",
                Family::default(),
            ),
            lag: added(
                all,
                "lag_seconds",
                "On-chain seconds from when an action was due to when it was done",
                lag,
            ),
            rpc_errors: added(
                all,
                "rpc_errors",
                "Requests that the RPC node failed",
                Counter::default(),
            ),
            reconnects: added(
                all,
                "reconnects",
                "Subscriptions made anew",
                Counter::default(),
            ),
            spent: added(
                all,
                "spent_lamports",
                "Lamports paid as fees, lost races included, and as rents of accounts made for others",
                Family::default(),
            ),
            watched: added(
                all,
                "deployments_watched",
                "Deployments watched",
                Gauge::default(),
            ),
            waiting: added(
                all,
                "deployments_waiting",
                "Deployments that wait to be looked at",
                Gauge::default(),
            ),
            waits_seconds: added(
                all,
                "waits_seconds",
                "On-chain seconds that the first of those waits",
                Gauge::default(),
            ),
            balance: added(
                all,
                "balance_lamports",
                "Lamports in the keeper's wallet",
                Gauge::default(),
            ),
            subscribed: added(
                all,
                "subscribed",
                "1 while the RPC node tells of changes",
                Gauge::default(),
            ),
            looped: Moment::default(),
            scanned: Moment::default(),
            answered: Moment::default(),
            registry,
        }
    }
}

/// Registers a metric, which shares its figures with every clone.
fn added<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

impl Metrics {
    /// An action's end; `lag_seconds` of one that is done.
    pub(crate) fn acted(&self, kind: &'static str, outcome: Outcome, jobs: usize, lag: i64) {
        let labels = Labels {
            kind,
            outcome: outcome.name(),
        };
        self.actions.get_or_create(&labels).inc();
        if outcome == Outcome::Done {
            let jobs = u64::try_from(jobs).unwrap_or(0);
            self.jobs.get_or_create(&Of { kind }).inc_by(jobs);
            #[allow(clippy::cast_precision_loss)] // seconds are far below 2^52
            self.lag.observe(lag.max(0) as f64);
        }
    }

    /// What a kind of action cost: `fee` or `rent`.
    pub(crate) fn spent(&self, kind: &'static str, what: &'static str, lamports: u64) {
        if lamports > 0 {
            let labels = Spending { kind, what };
            self.spent.get_or_create(&labels).inc_by(lamports);
        }
    }

    pub(crate) fn rpc_failed(&self) {
        self.rpc_errors.inc();
    }

    pub(crate) fn reconnected(&self) {
        self.reconnects.inc();
    }

    /// In the text format that Prometheus reads.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// A time that is noted and asked for by several.
#[derive(Debug, Default)]
pub(crate) struct Moment(AtomicU64);

impl Moment {
    pub(crate) fn mark(&self) {
        self.0.store(unix_seconds(), Ordering::Relaxed);
    }

    /// Whether it was at most that long ago; never, if it never was.
    pub(crate) fn is_within(&self, age: Duration) -> bool {
        let at = self.0.load(Ordering::Relaxed);
        at > 0 && unix_seconds().saturating_sub(at) <= age.as_secs()
    }
}

/// This machine's clock, for ages only; what is due is a matter of the cluster's.
fn unix_seconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Names in `text` that look like a figure's.
    fn named(text: &str) -> BTreeSet<&str> {
        let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
        let words = text.split(|c| !is_name(c));
        words
            .filter(|word| word.starts_with("nosana_keeper_"))
            .collect()
    }

    /// Every figure with every suffix that Prometheus knows it by.
    fn figures() -> String {
        let metrics = Metrics::default();
        metrics.acted("list", Outcome::Done, 1, 1);
        metrics.spent("list", "fee", 1);
        metrics.text()
    }

    #[test]
    fn alert_rules_and_dashboard_name_figures_that_there_are() {
        let (text, rules) = (
            figures(),
            include_str!("../../../ops/prometheus/keeper.yaml"),
        );
        let known = named(&text);
        let rules: serde_json::Value = serde_yaml::from_str(rules).unwrap();
        let rules = rules["groups"][0]["rules"].as_array().unwrap();
        assert!(rules.len() >= 5);
        for rule in rules {
            let of = named(rule["expr"].as_str().unwrap());
            assert!(!of.is_empty() && of.is_subset(&known), "{rule}");
            let summary = rule["annotations"]["summary"].as_str();
            assert!(rule["alert"].is_string() && summary.is_some(), "{rule}");
        }
        let dashboard = include_str!("../../../ops/grafana/keeper.json");
        let dashboard: serde_json::Value = serde_json::from_str(dashboard).unwrap();
        let mut shown = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                let of = named(target["expr"].as_str().unwrap());
                assert!(!of.is_empty() && of.is_subset(&known), "{target}");
                shown.extend(of);
            }
        }
        // Help and types are told without the suffix; the dashboard leaves no figure out.
        let is_told = |name: &&str| shown.iter().any(|one| one.starts_with(*name));
        let told = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let told = told.filter_map(|line| line.split(' ').next());
        let left_out: Vec<&str> = told.filter(|name| !is_told(name)).collect();
        assert_eq!(left_out, [""; 0]);
    }

    #[test]
    fn figures_are_there_for_prometheus() {
        let metrics = Metrics::default();
        metrics.acted("list", Outcome::Done, 12, 3);
        metrics.acted("list", Outcome::Lost, 12, 3);
        metrics.spent("list", "fee", 5_000);
        metrics.spent("stop", "rent", 0);
        metrics.watched.set(7);
        let text = metrics.text();
        for line in [
            "nosana_keeper_actions_total{kind=\"list\",outcome=\"done\"} 1",
            "nosana_keeper_actions_total{kind=\"list\",outcome=\"lost\"} 1",
            "nosana_keeper_jobs_total{kind=\"list\"} 12",
            "nosana_keeper_lag_seconds_sum 3.0",
            "nosana_keeper_lag_seconds_count 1",
            "nosana_keeper_spent_lamports_total{kind=\"list\",what=\"fee\"} 5000",
            "nosana_keeper_deployments_watched 7",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("kind=\"stop\""), "nothing was spent\n{text}");
    }

    #[test]
    fn a_moment_that_never_was_is_never_recent() {
        let moment = Moment::default();
        assert!(!moment.is_within(Duration::MAX));
        moment.mark();
        assert!(moment.is_within(Duration::from_secs(60)));
    }
}
