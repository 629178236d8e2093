//! Compares the measurements with the targets.

use super::{fullest, grouped, listing::Listed};
use crate::compute::{Measured, Queue, Row};

/// A target, and what was measured.
struct Target {
    what: String,
    wanted: String,
    found: u64,
    met: bool,
}

impl Target {
    fn at_most(what: impl Into<String>, most: u64, found: u64) -> Self {
        Self {
            what: what.into(),
            wanted: format!("at most {}", grouped(most)),
            found,
            met: found <= most,
        }
    }
}

/// The page's first table.
pub(super) fn targets(measured: &Measured) -> String {
    let rows = &measured.instructions;
    let own = |name: &str| {
        let full = Queue::ALL.map(|queue| fullest(rows, name, queue));
        let units = full.into_iter().filter_map(Row::own_units_per_job);
        units.max().unwrap()
    };
    let listed = Queue::ALL.map(|queue| fullest(rows, "list_jobs:", queue).jobs);
    let listed = u64::from(listed.into_iter().min().unwrap());
    let owners = rows.iter().filter(|row| row.is_of_owner);
    let owners = owners.map(|row| (row.compute_units, &row.name));
    let unlucky = measured.luck.iter().map(|luck| (luck.most, &luck.name));
    let (dearest, its_name) = owners.chain(unlucky).max().unwrap();
    let cranks = rows.iter().filter(|row| row.name.contains("records"));
    let searches = measured.firings.iter().map(|firing| firing.compute_units);
    let all = [
        Target {
            what: "jobs that one transaction lists, within every limit".into(),
            wanted: "at least 12".into(),
            found: listed,
            met: listed >= 12,
        },
        Target::at_most(
            "units of ours for each listed job of a full batch: 1,500 for each of the three addresses \
             that sign, 1,000 for the call, 1,500 for us",
            7_000,
            own("list_jobs:"),
        ),
        Target::at_most(
            "the same without what this runtime really charges for the call",
            1_500,
            own("list_jobs:") - Listed::of(rows).call,
        ),
        Target::at_most(
            "units of ours for each settled job of a full batch, the job finished",
            4_000,
            own("settle_jobs, finished"),
        ),
        Target::at_most(
            "the same, the job quit and its deposit recovered by a call",
            4_000,
            own("settle_jobs, quit"),
        ),
        Target::at_most(
            format!("units of an owner's instruction, for the unluckiest wallet ({its_name})"),
            20_000,
            dearest,
        ),
        Target::at_most(
            "units of a crank that changes nothing but the status: 5,000, and 2,000 to tell it",
            7_000,
            cranks.map(|row| row.compute_units).max().unwrap(),
        ),
        Target::at_most(
            "units of a schedule's search for its next firing",
            15_000,
            searches.max().unwrap(),
        ),
    ];
    let lines = all.map(|target| {
        let met = if target.met { "met" } else { "**missed**" };
        let found = grouped(target.found);
        format!(
            "| {} | {} | {found} | {met} |\n",
            target.what, target.wanted
        )
    });
    format!(
        "## Targets\n\n\
         Units are compute units; the worst of all situations below counts.\n\n\
         | what | target | measured | |\n|---|--:|--:|---|\n{}\n",
        lines.concat()
    )
}
