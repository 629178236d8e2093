//! docs/state-machine.svg: each status is placed by hand, the arrows come from the code.

use super::state_machine::{edges, label};
use deployments_domain::status::{Event, Status};
use std::fmt::Write;

const HEAD: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 640" font-family="sans-serif" font-size="13">
<defs>
<marker id="owner" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#1f5fbf"/></marker>
<marker id="keeper" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#2e7d32"/></marker>
</defs>
<rect width="1200" height="640" fill="white"/>
<text x="20" y="28" fill="#1f5fbf">blue: the owner</text>
<text x="150" y="28" fill="#2e7d32">green: any keeper</text>
"##;

/// Half of a status's box.
const BOX: (f64, f64) = (88.0, 20.0);
/// How far an arrow bends to its right, as a part of its length.
const BEND: f64 = 0.14;

fn place(status: Status) -> (f64, f64) {
    match status {
        Status::Draft => (120.0, 90.0),
        Status::Starting => (420.0, 90.0),
        Status::Running => (900.0, 90.0),
        Status::Error => (215.0, 300.0),
        Status::InsufficientFunds => (480.0, 345.0),
        Status::Stopping => (1090.0, 360.0),
        Status::Stopped => (860.0, 570.0),
        Status::Archived => (120.0, 570.0),
    }
}

/// The whole picture.
pub(super) fn svg() -> String {
    let mut text = HEAD.to_owned();
    let mut labels = String::new();
    for (from, to, events) in edges() {
        arrow(&mut text, &mut labels, from, to, &events);
    }
    text.push_str(&labels);
    for status in Status::ALL {
        let (x, y) = place(status);
        let (left, top) = (x - BOX.0, y - BOX.1);
        let (width, height) = (BOX.0 * 2.0, BOX.1 * 2.0);
        let _ = writeln!(
            text,
            r##"<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="10" fill="#f4f6fa" stroke="#333"/>"##
        );
        let middle = y + 5.0;
        let _ = writeln!(
            text,
            r#"<text x="{x}" y="{middle}" text-anchor="middle" font-weight="bold">{status}</text>"#
        );
    }
    text + "</svg>\n"
}

fn arrow(text: &mut String, labels: &mut String, from: Status, to: Status, events: &[Event]) {
    let (start, end) = (place(from), place(to));
    let (dx, dy) = (end.0 - start.0, end.1 - start.1);
    // Each direction bends to its own right, so that arrows there and back keep apart.
    let bend = (
        (start.0 + end.0) / 2.0 - dy * BEND,
        (start.1 + end.1) / 2.0 + dx * BEND,
    );
    let (tail, tip) = (edge_of(start, bend), edge_of(end, bend));
    let owner = events.iter().all(|event| event.is_owners());
    let (who, colour) = if owner {
        ("owner", "#1f5fbf")
    } else {
        ("keeper", "#2e7d32")
    };
    let _ = writeln!(
        text,
        r#"<path d="M{:.0} {:.0}Q{:.0} {:.0} {:.0} {:.0}" fill="none" stroke="{colour}" stroke-width="1.4" marker-end="url(#{who})"/>"#,
        tail.0, tail.1, bend.0, bend.1, tip.0, tip.1
    );
    // The middle of the curve.
    let x = (tail.0 + bend.0 * 2.0 + tip.0) / 4.0;
    let y = (tail.1 + bend.1 * 2.0 + tip.1) / 4.0 + 4.0;
    let name = label(events);
    // First a white outline, so that arrows do not cross the words.
    for stroke in [r#"stroke="white" stroke-width="5""#, ""] {
        let _ = writeln!(
            labels,
            r#"<text x="{x:.0}" y="{y:.0}" text-anchor="middle" fill="{colour}" {stroke}>{name}</text>"#
        );
    }
}

/// Where the line from the middle of a box towards a point leaves the box.
fn edge_of(middle: (f64, f64), towards: (f64, f64)) -> (f64, f64) {
    let (dx, dy) = (towards.0 - middle.0, towards.1 - middle.1);
    let reach = (BOX.0 / dx.abs()).min(BOX.1 / dy.abs());
    (middle.0 + dx * reach, middle.1 + dy * reach)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_and_every_edge_is_drawn() {
        let svg = svg();
        for status in Status::ALL {
            assert!(svg.contains(&format!(">{status}</text>")), "{status}");
        }
        assert_eq!(svg.matches("<path d=\"M").count(), edges().len() + 2);
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
