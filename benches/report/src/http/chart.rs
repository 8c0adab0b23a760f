//! The results as a picture: bars, a column of them for each metric.

use super::server::NAMES;
use super::{HANDLERS, Handler, METRICS, Metric, find};
use crate::results::{Results, Row};
use crate::svg::{FAINT, INK, MARGIN, Picture, colour};
use crate::{human, table};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the columns begin, how far they lie apart, and the longest bar.
const FIRST: f64 = 110.0;
const COLUMN: f64 = 240.0;
const BAR: f64 = 110.0;
const ROW: f64 = 24.0;
const THICK: f64 = 14.0;
const WIDTH: f64 = FIRST + COLUMN * METRICS.len() as f64;

/// Returns the file.
pub fn draw(results: &Results, out: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let file = out.with_extension("svg");
    fs::write(&file, chart(results))?;
    Ok(vec![file])
}

fn chart(results: &Results) -> String {
    let mut picture = Picture::default();
    picture.heading("Web servers");
    picture.note(
        "A bar is the median of all rounds, its line reaches from the least to the most. \
         Green meets its target, red misses it.",
    );
    for line in table::notes(results).lines() {
        picture.note(line);
    }
    for handler in &HANDLERS {
        picture.y += 40.0;
        let title = format!("GET {}", handler.target);
        picture.text_at(MARGIN, picture.y, "start", INK, &title);
        picture.y += ROW;
        for (metric, x) in METRICS.iter().zip(columns()) {
            picture.text_at(x, picture.y, "start", FAINT, metric.heading);
        }
        for (name, label) in NAMES {
            server(&mut picture, results, handler, name, label);
        }
    }
    picture.finish(WIDTH)
}

fn columns() -> impl Iterator<Item = f64> {
    (0..METRICS.len()).map(|index| FIRST + COLUMN * index as f64)
}

fn server(picture: &mut Picture, results: &Results, handler: &Handler, name: &str, label: &str) {
    let rows = METRICS
        .iter()
        .map(|metric| find(results, handler, name, metric.name));
    // One that is not installed was not measured.
    let Some(rows) = rows.collect::<Option<Vec<_>>>() else {
        return;
    };
    picture.y += ROW;
    picture.text_at(FIRST - 10.0, picture.y, "end", INK, label);
    for ((row, metric), x) in rows.into_iter().zip(&METRICS).zip(columns()) {
        bar(picture, row, x, BAR / most(results, handler, metric));
    }
}

/// What the longest bar is, in its unit.
fn most(results: &Results, handler: &Handler, metric: &Metric) -> f64 {
    let rows = NAMES
        .iter()
        .filter_map(|(name, _)| find(results, handler, name, metric.name));
    rows.map(|row| row.spread.median).fold(0.0, f64::max)
}

fn bar(picture: &mut Picture, row: &Row, x: f64, scale: f64) {
    let colour = if row.floor.is_some() {
        colour(row)
    } else {
        FAINT
    };
    // What disturbed a round may have been long.
    let length = |value: f64| (value * scale).min(BAR * 1.1);
    let (y, middle) = (picture.y - THICK + 3.0, picture.y - THICK / 2.0 + 3.0);
    let median = length(row.spread.median);
    picture.add(format_args!(
        r#"<rect x="{x:.1}" y="{y:.1}" width="{median:.1}" height="{THICK}" fill="{colour}"/>"#
    ));
    let (least, most) = (x + length(row.spread.min), x + length(row.spread.max));
    picture.add(format_args!(
        r#"<path d="M{least:.1} {middle:.1}H{most:.1}" stroke="{INK}" stroke-opacity="0.5"/>"#
    ));
    let figure = human::figure(row.spread.median, &row.unit);
    let text = match row.ratio {
        Some(ratio) => format!("{figure}, {}", human::ratio(ratio)),
        None => figure,
    };
    picture.text_at(
        x + length(f64::INFINITY) + 6.0,
        picture.y,
        "start",
        INK,
        &text,
    );
}
