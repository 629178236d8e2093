//! `watch`: a deployment, live.

mod stream;

use crate::{
    commands::status::StatusReport,
    context::Context,
    exit::invalid,
    format::{time, when},
    profile::Profile,
};
use anyhow::Result;
use clap::Args;
use nosana_deploy_client::domain::status::Status;
use nosana_deploy_client::{
    forecast::{forecast, Runway},
    keeper::plan::Snapshot,
    rpc::ClusterError,
};
use ratatui::{
    crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    layout::{Constraint, Layout},
    style::{Color, Style, Stylize},
    text::{Line, Span},
    widgets::{Block, Cell, Gauge, Paragraph, Row, Table},
    Frame,
};
use std::{io::IsTerminal, time::Duration};

/// Watch a deployment in the terminal; q leaves
///
/// With `--output json`, its state and then each change are lines of JSON, as `history` has them, with a
/// heartbeat where nothing changes, until Ctrl-C.
#[derive(Args)]
pub(crate) struct Watch {
    /// The deployment's address, or its number among the wallet's deployments
    deployment: String,
    /// Seconds between two looks
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600), value_name = "SECONDS")]
    interval: u64,
    /// With JSON, seconds after which a line says that nothing happened
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u64).range(1..=3600), value_name = "SECONDS")]
    heartbeat: u64,
    /// Draw once, as text, and leave
    #[arg(long)]
    once: bool,
}

/// Between two looks at the keyboard.
const TICK: Duration = Duration::from_millis(50);

/// What the screen shows.
struct View {
    report: StatusReport,
    funds: Funded,
    /// Why the last read failed; the display then shows an older state.
    trouble: Option<String>,
}

/// The vault against what a day, or the jobs that are due, cost.
struct Funded {
    label: String,
    ratio: f64,
}

impl Watch {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        if context.output.is_json() {
            let address = context.deployment_address(&self.deployment)?;
            let pace = (!self.once).then(|| stream::Pace {
                interval: Duration::from_secs(self.interval),
                heartbeat: Duration::from_secs(self.heartbeat),
            });
            return context.block_on(stream::stream(context, &address, pace));
        }
        if !self.once && !std::io::stdout().is_terminal() {
            return Err(invalid("watch needs a terminal; use --once, or status"));
        }
        let address = context.deployment_address(&self.deployment)?;
        let mut view = context.block_on(async {
            context.cluster.require_program().await?;
            let snapshot = context.cluster.snapshot(&address).await?;
            Ok(View::new(&context.profile, &snapshot))
        })?;
        if self.once {
            return crate::output::say(as_text(&view)?);
        }
        let mut terminal = ratatui::try_init()?;
        let look = async || {
            let snapshot = context.cluster.snapshot(&address).await?;
            Ok(View::new(&context.profile, &snapshot))
        };
        let outcome = context.block_on(self.live(&mut terminal, &mut view, look));
        ratatui::try_restore()?;
        outcome
    }

    async fn live(
        &self,
        terminal: &mut ratatui::DefaultTerminal,
        view: &mut View,
        look: impl AsyncFn() -> Result<View>,
    ) -> Result<()> {
        let interval = Duration::from_secs(self.interval);
        loop {
            let turn = async {
                tokio::time::sleep(interval).await;
                look().await
            };
            tokio::pin!(turn);
            let looked = loop {
                terminal.draw(|frame| draw(frame, view))?; // the window may have changed
                tokio::select! {
                    looked = &mut turn => break looked,
                    // Also while a node takes its time to answer.
                    () = tokio::time::sleep(TICK) => while event::poll(Duration::ZERO)? {
                        if leaves(&event::read()?) {
                            return Ok(());
                        }
                    },
                }
            };
            match looked {
                Ok(seen) => *view = seen,
                // A node that stumbles must not end a watch; an account that is gone does.
                Err(error) if error.downcast_ref().is_some_and(is_passing) => {
                    view.trouble = Some(error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn is_passing(error: &ClusterError) -> bool {
    matches!(
        error,
        ClusterError::Unreachable { .. } | ClusterError::RateLimited(_) | ClusterError::Rpc { .. }
    )
}

fn leaves(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    let interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press
        && (interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc))
}

impl View {
    fn new(profile: &Profile, snapshot: &Snapshot) -> Self {
        let report = StatusReport::new(profile, snapshot);
        let forecast = forecast(snapshot);
        let percent = match (forecast.runway, forecast.nos_per_day) {
            (Runway::Short { paid, wanted }, _) => u128::from(paid)
                .saturating_mul(100)
                .checked_div(wanted.into()),
            (_, burn) => u128::from(snapshot.funds.nos)
                .saturating_mul(100)
                .checked_div(burn),
        };
        let percent = u16::try_from(percent.unwrap_or(100).min(100)).unwrap_or(100);
        Self {
            funds: Funded {
                label: report
                    .facts
                    .line("runway")
                    .map_or("", |(_, text)| text)
                    .to_owned(),
                ratio: f64::from(percent) / 100.0,
            },
            report,
            trouble: None,
        }
    }
}

/// The lines above the jobs, by their key.
const SHOWN: [&str; 8] = [
    "why",
    "market",
    "strategy",
    "replicas",
    "endpoints",
    "vault",
    "nos_per_day",
    "jobs_listed",
];

fn draw(frame: &mut Frame, view: &View) {
    let [head, facts, funds, jobs, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(SHOWN.len().try_into().unwrap_or(u16::MAX)),
        Constraint::Length(3),
        Constraint::Min(3),
        Constraint::Length(2),
    ])
    .areas(frame.area());
    let report = &view.report;
    let title = Line::from(vec![
        Span::from(report.name.as_str()).bold(),
        Span::from("  "),
        Span::from(report.status.name())
            .bold()
            .fg(color(report.status)),
        Span::from(format!("  {} UTC", time(report.now()))).dim(),
    ]);
    frame.render_widget(title, head);
    let lines = SHOWN.iter().filter_map(|key| report.facts.line(key));
    let lines = lines.filter(|(label, _)| !label.is_empty());
    let lines = lines.map(|(label, text)| {
        Line::from(vec![
            Span::from(format!("{label:<15}")).dim(),
            Span::from(text.to_owned()),
        ])
    });
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), facts);
    let gauge = Gauge::default()
        .block(Block::bordered().title("funds"))
        .gauge_style(Style::new().fg(if view.funds.ratio < 0.25 {
            Color::Red
        } else {
            Color::Green
        }))
        .label(view.funds.label.as_str())
        .ratio(view.funds.ratio);
    frame.render_widget(gauge, funds);
    frame.render_widget(job_table(report), jobs);
    let keeper = Line::from(format!("keepers: {}", report.keeper()));
    let last = match &view.trouble {
        Some(trouble) => Line::from(trouble.as_str()).fg(Color::Red),
        None => Line::from("q leaves").dim(),
    };
    frame.render_widget(Paragraph::new(vec![keeper, last]), foot);
}

fn job_table(report: &StatusReport) -> Table<'_> {
    let rows = report.jobs.iter().map(|job| {
        let listed = when(job.listed_at, report.now());
        let node = job.node.clone().unwrap_or_default();
        Row::new(
            [
                job.index.to_string(),
                job.state.into(),
                job.remaining(),
                node,
                listed,
            ]
            .map(Cell::from),
        )
    });
    let widths = [
        Constraint::Length(6),
        Constraint::Length(8),
        Constraint::Length(18),
        Constraint::Length(45),
        Constraint::Min(20),
    ];
    let header = Row::new(["JOB", "STATE", "TIME", "NODE", "LISTED"]).bold();
    let title = crate::format::counted(
        u64::try_from(report.jobs.len()).unwrap_or(u64::MAX),
        "active job",
    );
    Table::new(rows, widths)
        .header(header)
        .block(Block::bordered().title(title))
}

fn color(status: Status) -> Color {
    match status {
        Status::Running => Color::Green,
        Status::Starting | Status::Stopping => Color::Yellow,
        Status::Error | Status::InsufficientFunds => Color::Red,
        Status::Draft | Status::Stopped | Status::Archived => Color::DarkGray,
    }
}

/// The screen as text, 120 by 30.
fn as_text(view: &View) -> Result<String> {
    let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(120, 30))?;
    terminal.draw(|frame| draw(frame, view))?;
    let buffer = terminal.backend().buffer();
    let width = usize::from(buffer.area.width).max(1);
    let rows = buffer.content().chunks(width).map(|row| {
        let line: String = row.iter().map(|cell| cell.symbol()).collect();
        line.trim_end().to_owned()
    });
    Ok(rows.collect::<Vec<_>>().join("\n"))
}
