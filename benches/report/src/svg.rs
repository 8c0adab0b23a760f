//! The results as a picture.

use crate::results::{Results, Row};
use crate::{dlwt, human, table};
use std::error::Error;
use std::fmt::{Display, Write};
use std::fs;
use std::path::{Path, PathBuf};

const WIDTH: f64 = 1200.0;
pub const MARGIN: f64 = 16.0;
/// Where the names end and the plot begins and ends.
const NAMES: f64 = 230.0;
const PLOT: (f64, f64) = (246.0, 720.0);
/// Where the columns of text end, or begin.
const MEDIAN: f64 = 800.0;
const RATIO: f64 = 870.0;
const FLOOR: f64 = 880.0;
const TARGET: f64 = 1020.0;
const ROW: f64 = 20.0;

const GOOD: &str = "#2a8a4a";
const BAD: &str = "#c8372d";
const NEUTRAL: &str = "#39618e";
pub const INK: &str = "#222";
pub const FAINT: &str = "#999";
pub const GRID: &str = "#e4e4e4";

/// Draws all results. Returns the file.
pub fn draw(results: &Results, out: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let file = out.with_extension("svg");
    fs::write(&file, chart(results))?;
    Ok(vec![file])
}

/// All results: times on one scale, dlwt's ratios on another, and what has other units as text.
fn chart(results: &Results) -> String {
    let of_dlwt = |row: &&Row| row.name.starts_with(&dlwt::row_name(""));
    let (dlwt, ours): (Vec<_>, Vec<_>) = results.results.iter().partition(of_dlwt);
    let (times, others): (Vec<&Row>, Vec<_>) = ours.into_iter().partition(|row| row.unit == "ns");

    let mut picture = Picture::default();
    picture.heading("Benchmarks");
    picture.note(
        "A dot is the median of all rounds, its line reaches from the least to the most. \
         A grey bar is the floor, measured in turn with it.",
    );
    picture.note("A black bar is a target: green where it is met, red where it is missed.");
    if results.quick {
        picture.note("A quick run: the figures mean nothing.");
    }
    picture.note(&table::list(&results.machine));
    picture.note(&table::list(&results.versions));
    if !times.is_empty() {
        picture.section("Time for one operation");
        let all = times
            .iter()
            .flat_map(|row| values(row))
            .filter(|v| *v > 0.0);
        picture.panel(&times, &Scale::powers_of_ten(all), values);
    }
    if !dlwt.is_empty() {
        picture.section("dlwt, as a ratio to stock Lwt");
        let all = dlwt.iter().flat_map(|row| ratios(row));
        picture.panel(&dlwt, &Scale::tenths(all), ratios);
    }
    if !others.is_empty() {
        picture.section("Others");
        for row in others {
            picture.text_of(row);
            picture.y += ROW;
        }
    }
    picture.finish(WIDTH)
}

/// What is drawn of a row: median, least, most, floor, and targets.
fn values(row: &Row) -> Vec<f64> {
    let mut values = vec![row.spread.median, row.spread.min, row.spread.max];
    values.push(row.floor.as_ref().map_or(f64::NAN, |f| f.spread.median));
    values.extend(row.target.iter().map(|verdict| verdict.limit));
    values
}

/// The same, where the floor is 1.
fn ratios(row: &Row) -> Vec<f64> {
    let floor = row.floor.as_ref().map_or(f64::NAN, |f| f.spread.median);
    let mut ratios = [row.ratio, row.ratio_min, row.ratio_max]
        .map(|r| r.unwrap_or(f64::NAN))
        .to_vec();
    ratios.push(1.0);
    ratios.extend(row.target.iter().map(|verdict| verdict.limit / floor));
    ratios
}

/// Where values are in the plot.
struct Scale {
    from: f64,
    to: f64,
    transform: fn(f64) -> f64,
    /// Where there are lines, and what is written there.
    lines: Vec<(f64, String)>,
}

impl Scale {
    fn powers_of_ten(values: impl Iterator<Item = f64>) -> Self {
        let (least, most) = extent(values.map(f64::log10));
        let (from, to) = (least.floor(), most.ceil().max(least.floor() + 1.0));
        let powers = from as i32..=to as i32;
        Scale {
            from,
            to,
            transform: f64::log10,
            lines: powers
                .map(|power| 10f64.powi(power))
                .map(|value| {
                    (
                        value,
                        human::figure(value, "ns")
                            .replace(".00", "")
                            .replace(".0", ""),
                    )
                })
                .collect(),
        }
    }

    fn tenths(values: impl Iterator<Item = f64>) -> Self {
        let (least, most) = extent(values.chain([0.9, 1.1]));
        // Outliers may leave the plot.
        let tenths = (least * 10.0).floor().max(5.0) as i32..=(most * 10.0).ceil().min(20.0) as i32;
        Scale {
            from: f64::from(*tenths.start()) / 10.0,
            to: f64::from(*tenths.end()) / 10.0,
            transform: |value| value,
            lines: tenths
                .map(|tenth| f64::from(tenth) / 10.0)
                .map(|value| (value, format!("{value:.1}")))
                .collect(),
        }
    }

    /// Nothing for what is not a number.
    fn x(&self, value: f64) -> Option<f64> {
        let part = ((self.transform)(value) - self.from) / (self.to - self.from);
        (!part.is_nan()).then(|| PLOT.0 + part.clamp(0.0, 1.0) * (PLOT.1 - PLOT.0))
    }
}

fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let numbers = values.filter(|v| v.is_finite());
    numbers.fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(least, most), value| (least.min(value), most.max(value)),
    )
}

/// Grows downwards.
#[derive(Default)]
pub struct Picture {
    body: String,
    pub y: f64,
}

impl Picture {
    pub fn add(&mut self, element: impl Display) {
        // Writing to a string does not fail.
        let _ = writeln!(self.body, "{element}");
    }

    fn text(&mut self, x: f64, anchor: &str, colour: &str, text: &str) {
        self.text_at(x, self.y, anchor, colour, text);
    }

    pub fn text_at(&mut self, x: f64, y: f64, anchor: &str, colour: &str, text: &str) {
        let text = escaped(text);
        self.add(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" fill="{colour}">{text}</text>"#
        ));
    }

    fn bar(&mut self, x: f64, colour: &str, width: f64) {
        let (top, bottom) = (self.y - 11.0, self.y + 3.0);
        self.add(format_args!(
            r#"<path d="M{x:.1} {top:.1}V{bottom:.1}" stroke="{colour}" stroke-width="{width}"/>"#
        ));
    }

    pub fn heading(&mut self, text: &str) {
        self.y += 32.0;
        let (y, text) = (self.y, escaped(text));
        self.add(format_args!(
            r#"<text x="{MARGIN}" y="{y}" font-size="20" font-weight="bold" fill="{INK}">{text}</text>"#
        ));
    }

    pub fn note(&mut self, text: &str) {
        self.y += ROW;
        self.text(MARGIN, "start", FAINT, text);
    }

    fn section(&mut self, title: &str) {
        self.y += 40.0;
        let (y, text) = (self.y, escaped(title));
        self.add(format_args!(
            r#"<text x="{MARGIN}" y="{y}" font-size="15" font-weight="bold" fill="{INK}">{text}</text>"#
        ));
        self.text(MEDIAN, "end", FAINT, "median");
        self.text(RATIO, "end", FAINT, "ratio");
        self.text(FLOOR, "start", FAINT, "to the floor");
        self.text(TARGET, "start", FAINT, "target");
        self.y += ROW;
    }

    fn panel(&mut self, rows: &[&Row], scale: &Scale, drawn: fn(&Row) -> Vec<f64>) {
        self.y += 6.0;
        let (top, height) = (self.y, rows.len() as f64 * ROW);
        for (value, label) in &scale.lines {
            let Some(x) = scale.x(*value) else { continue };
            self.text(x, "middle", FAINT, label);
            self.add(format_args!(
                r#"<path d="M{x:.1} {:.1}v{height:.1}" stroke="{GRID}"/>"#,
                top + 7.0
            ));
        }
        self.y += ROW + 2.0;
        for row in rows {
            self.text_of(row);
            let at: Vec<_> = drawn(row).into_iter().map(|value| scale.x(value)).collect();
            self.marks(&at, colour(row));
            self.y += ROW;
        }
    }

    /// Median, least, most, floor, and targets.
    fn marks(&mut self, at: &[Option<f64>], colour: &str) {
        let [median, least, most, floor, targets @ ..] = at else {
            return;
        };
        if let Some(x) = floor {
            self.bar(*x, FAINT, 4.0);
        }
        for x in targets.iter().flatten() {
            self.bar(*x, INK, 1.5);
        }
        let y = self.y - 4.0;
        if let (Some(from), Some(to)) = (least, most) {
            self.add(format_args!(
                r#"<path d="M{from:.1} {y:.1}H{to:.1}" stroke="{colour}" stroke-width="2" stroke-opacity="0.5"/>"#
            ));
        }
        if let Some(x) = median {
            self.add(format_args!(
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="4.5" fill="{colour}"/>"#
            ));
        }
    }

    fn text_of(&mut self, row: &Row) {
        self.text(NAMES, "end", INK, &row.name);
        self.text(
            MEDIAN,
            "end",
            INK,
            &human::figure(row.spread.median, &row.unit),
        );
        if let (Some(ratio), Some(floor)) = (row.ratio, &row.floor) {
            self.text(RATIO, "end", INK, &human::ratio(ratio));
            self.text(FLOOR, "start", FAINT, &floor.name);
        }
        let mut x = TARGET;
        for verdict in &row.target {
            self.text(x, "start", verdict_colour(verdict.met), &verdict.target);
            x += 84.0;
        }
    }

    pub fn finish(self, width: f64) -> String {
        let (height, body) = (self.y + MARGIN, self.body);
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
{body}</svg>
"##
        )
    }
}

pub fn colour(row: &Row) -> &'static str {
    row.met().map_or(NEUTRAL, verdict_colour)
}

fn verdict_colour(met: bool) -> &'static str {
    if met { GOOD } else { BAD }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
