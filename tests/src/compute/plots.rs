//! Pictures of what was measured, as SVG.

use super::{report::rows_of, scene::MAX_TRACE_LENGTH, trace::HEAP_BYTES, Measured, Queue, Row};
use nosana_deploy_client::transaction::{MAX_COMPUTE_UNITS, MAX_TRANSACTION_BYTES};
use plotters::prelude::*;

const SIZE: (u32, u32) = (860, 420);
const COLOURS: [RGBColor; 5] = [
    RGBColor(31, 95, 191),
    RGBColor(198, 93, 9),
    RGBColor(46, 125, 50),
    RGBColor(123, 31, 162),
    RGBColor(96, 96, 96),
];

/// One line of a picture.
struct Line {
    label: String,
    colour: RGBColor,
    /// Points are squares where a wallet acts, dots where a keeper does.
    is_wallets: bool,
    points: Vec<(f64, f64)>,
}

/// Each picture's file name and content.
pub fn plots(measured: &Measured) -> [(&'static str, String); 2] {
    [
        ("performance-listing.svg", listing(measured)),
        ("performance-limits.svg", limits(measured)),
    ]
}

fn listing(measured: &Measured) -> String {
    let units = |row: &Row| (f64::from(row.jobs), float(row.units_per_job().unwrap()));
    let mut lines = Vec::new();
    for (queue, colour) in Queue::ALL.into_iter().zip(COLOURS) {
        for (who, is_wallets, rows, name) in [
            ("keeper", false, &measured.instructions, "list_jobs:"),
            ("wallet", true, &measured.direct, "a wallet's list:"),
        ] {
            lines.push(Line {
                label: format!("{who}, {queue}"),
                colour,
                is_wallets,
                points: rows_of(rows, name, queue).map(units).collect(),
            });
        }
    }
    // The legend is above the lines.
    let legend = (SeriesLabelPosition::UpperRight, 1.5);
    chart("compute units a job", &lines, legend)
}

fn limits(measured: &Measured) -> String {
    let queue = Queue::ALL[2];
    type Use = fn(&Row) -> f64;
    let uses: [(&str, Use); 5] = [
        ("bytes", |row| share(row.bytes, MAX_TRANSACTION_BYTES)),
        ("instructions in the trace", |row| {
            share(row.trace_length, MAX_TRACE_LENGTH)
        }),
        ("compute units", |row| {
            float(row.compute_units) / f64::from(MAX_COMPUTE_UNITS) * 100.0
        }),
        ("our heap", |row| {
            float(row.heap_bytes) / float(HEAP_BYTES) * 100.0
        }),
        ("the markets' heap", |row| {
            float(row.market_heap_bytes) / float(HEAP_BYTES) * 100.0
        }),
    ];
    let lines = uses.iter().zip(COLOURS).map(|((label, of), colour)| {
        let rows = rows_of(&measured.instructions, "list_jobs:", queue);
        Line {
            label: (*label).into(),
            colour,
            is_wallets: false,
            points: rows.map(|row| (f64::from(row.jobs), of(row))).collect(),
        }
    });
    let lines: Vec<Line> = lines.collect();
    chart(
        "% of what is allowed",
        &lines,
        (SeriesLabelPosition::UpperLeft, 1.1),
    )
}

fn share(part: usize, whole: usize) -> f64 {
    let [part, whole] = [part, whole].map(|bytes| u64::try_from(bytes).unwrap());
    float(part) / float(whole) * 100.0
}

/// Exact for what is measured here, which is far below 2^32.
fn float(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

/// By the number of jobs in a transaction; `headroom` is how far the axis reaches above the lines.
fn chart(y_label: &str, lines: &[Line], (legend, headroom): (SeriesLabelPosition, f64)) -> String {
    let points = || lines.iter().flat_map(|line| &line.points);
    let most = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(0.0, f64::max);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE).unwrap();
        let mut chart = ChartBuilder::on(&root)
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(70)
            .build_cartesian_2d(
                0.0..most(|(x, _)| *x) + 0.5,
                0.0..most(|(_, y)| *y) * headroom,
            )
            .unwrap();
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc("jobs in a transaction")
            .y_desc(y_label)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y:.0}"))
            .draw()
            .unwrap();
        for line in lines {
            let (colour, is_wallets) = (line.colour, line.is_wallets);
            let width = if is_wallets { 1 } else { 2 };
            let points = line.points.iter().copied();
            chart
                .draw_series(LineSeries::new(points.clone(), colour.stroke_width(width)))
                .unwrap();
            let marks = points.map(|(x, y)| {
                let mark = EmptyElement::at((x, y));
                let (square, dot) = (
                    if is_wallets { 4 } else { 0 },
                    if is_wallets { 0 } else { 4 },
                );
                mark + Rectangle::new([(-square, -square), (square, square)], colour.filled())
                    + Circle::new((0, 0), dot, colour.filled())
            });
            chart
                .draw_series(marks)
                .unwrap()
                .label(&line.label)
                .legend(move |(x, y)| {
                    let size = if is_wallets { 4 } else { 2 };
                    Rectangle::new([(x, y - size), (x + 16, y + size)], colour.filled())
                });
        }
        chart
            .configure_series_labels()
            .position(legend)
            .background_style(WHITE)
            .border_style(RGBColor(200, 200, 200))
            .draw()
            .unwrap();
        root.present().unwrap();
    }
    svg
}
