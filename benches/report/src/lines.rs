//! A chart of lines, both axes logarithmic.

use crate::human;
use crate::stats::Spread;
use crate::svg::{FAINT, GRID, INK, Picture};

const WIDTH: f64 = 760.0;
/// Where the plot is.
const LEFT: f64 = 80.0;
const RIGHT: f64 = 480.0;
const TOP: f64 = 80.0;
const HEIGHT: f64 = 260.0;
const BOTTOM: f64 = TOP + HEIGHT;
/// Between two labels.
const LINE: f64 = 34.0;

const COLOURS: [&str; 5] = ["#39618e", "#c8372d", "#2a8a4a", "#b07a00", "#7a4a9a"];

pub struct Point {
    pub x: f64,
    pub y: Spread,
}

pub struct Line {
    pub label: &'static str,
    pub unit: String,
    /// At least one, from left to right.
    pub points: Vec<Point>,
}

pub struct Chart {
    pub title: &'static str,
    pub axis: &'static str,
    /// At least one, in one unit.
    pub lines: Vec<Line>,
}

/// The logarithm of what is more than nothing; where nothing is meant, it has a place as well.
fn of_count(x: f64) -> f64 {
    (x + 1.0).log10()
}

/// From a range to another.
struct Scale {
    from: (f64, f64),
    to: (f64, f64),
}

impl Scale {
    fn at(&self, value: f64) -> f64 {
        let (from, to) = self.from;
        let part = if to > from {
            (value - from) / (to - from)
        } else {
            0.5
        };
        self.to.0 + part.clamp(0.0, 1.0) * (self.to.1 - self.to.0)
    }
}

fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(least, most), value| (least.min(value), most.max(value)),
    )
}

/// The values 1, 2, 5, 10, ... between which all are, with the powers of ten alone where that
/// would be many.
fn steps(least: f64, most: f64) -> Vec<f64> {
    let (from, to) = (least.log10().floor() as i32, most.log10().ceil() as i32);
    let parts: &[f64] = if to - from > 2 {
        &[1.0]
    } else {
        &[1.0, 2.0, 5.0]
    };
    let all: Vec<_> = (from..=to)
        .flat_map(|power| parts.iter().map(move |part| part * 10f64.powi(power)))
        .collect();
    let first = all.iter().rposition(|v| *v <= least).unwrap_or(0);
    let last = all.iter().position(|v| *v >= most).unwrap_or(all.len() - 1);
    all[first..=last].to_vec()
}

/// With as few digits as it takes.
fn count(x: f64) -> String {
    match x as u64 {
        n if n >= 1_000_000 && n % 100_000 == 0 => format!("{}M", x / 1e6),
        n if n >= 10_000 && n % 1_000 == 0 => format!("{}k", n / 1_000),
        n => n.to_string(),
    }
}

/// Moves what is too close together apart, and keeps the order.
fn apart(mut at: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<_> = (0..at.len()).collect();
    order.sort_by(|a, b| at[*a].total_cmp(&at[*b]));
    for _ in 0..100 {
        for pair in order.windows(2) {
            let missing = LINE - (at[pair[1]] - at[pair[0]]);
            if missing > 0.0 {
                at[pair[0]] -= missing / 2.0;
                at[pair[1]] += missing / 2.0;
            }
        }
    }
    at
}

pub fn draw(chart: &Chart) -> String {
    let points = || chart.lines.iter().flat_map(|line| &line.points);
    let unit = &chart.lines[0].unit;
    let values = points().map(|p| p.y.median).filter(|v| *v > 0.0);
    let (least, most) = extent(values);
    let steps = steps(least, most);
    let xs = Scale {
        from: extent(points().map(|p| of_count(p.x))),
        to: (LEFT + 10.0, RIGHT - 10.0),
    };
    let ys = Scale {
        from: extent(steps.iter().map(|v| v.log10())),
        to: (BOTTOM, TOP),
    };
    let x = |value: f64| xs.at(of_count(value));
    let y = |value: f64| ys.at(value.max(f64::MIN_POSITIVE).log10());

    let mut picture = Picture::default();
    picture.heading(chart.title);
    picture.note("Dots are medians, thin lines reach from the least to the most.");
    for value in &steps {
        let at = y(*value);
        let label = human::figure(*value, unit)
            .replace(".00", "")
            .replace(".0", "");
        picture.add(format_args!(
            r#"<path d="M{LEFT} {at:.1}H{RIGHT}" stroke="{GRID}"/>"#
        ));
        picture.text_at(LEFT - 8.0, at + 4.0, "end", FAINT, &label);
    }
    let mut places: Vec<_> = points().map(|p| p.x).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    for place in places {
        let at = x(place);
        picture.add(format_args!(
            r#"<path d="M{at:.1} {TOP}V{BOTTOM}" stroke="{GRID}"/>"#
        ));
        picture.text_at(at, BOTTOM + 18.0, "middle", FAINT, &count(place));
    }
    picture.text_at(
        (LEFT + RIGHT) / 2.0,
        BOTTOM + 38.0,
        "middle",
        INK,
        chart.axis,
    );

    let ends = chart.lines.iter().map(|line| {
        let last = line.points.last().map_or(0.0, |p| p.y.median);
        y(last)
    });
    let labels = apart(ends.collect());
    for ((line, colour), label) in chart.lines.iter().zip(COLOURS).zip(labels) {
        let mut path = String::new();
        for point in &line.points {
            let (x, median) = (x(point.x), y(point.y.median));
            path += &format!(
                "{}{x:.1} {median:.1}",
                if path.is_empty() { 'M' } else { 'L' }
            );
            let (least, most) = (y(point.y.min), y(point.y.max));
            picture.add(format_args!(
                r#"<path d="M{x:.1} {least:.1}V{most:.1}" stroke="{colour}" stroke-opacity="0.4"/>"#
            ));
            picture.add(format_args!(
                r#"<circle cx="{x:.1}" cy="{median:.1}" r="3.5" fill="{colour}"/>"#
            ));
        }
        picture.add(format_args!(
            r#"<path d="{path}" stroke="{colour}" stroke-width="2" fill="none"/>"#
        ));
        if let [first, .., last] = &line.points[..] {
            let figure = |p: &Point| human::figure(p.y.median, unit);
            let figures = format!("{} ... {}", figure(first), figure(last));
            let x = RIGHT + 8.0;
            picture.text_at(x, label, "start", colour, line.label);
            picture.text_at(x, label + 14.0, "start", FAINT, &figures);
        }
    }
    picture.y = BOTTOM + 44.0;
    picture.finish(WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_enclose_the_values() {
        assert_eq!(steps(150.0, 420.0), [100.0, 200.0, 500.0]);
        assert_eq!(steps(3.0, 2_000.0), [1.0, 10.0, 100.0, 1_000.0, 10_000.0]);
        assert_eq!(steps(190.0, 190.0), [100.0, 200.0]);
    }

    #[test]
    fn labels_do_not_touch() {
        let at = apart(vec![100.0, 101.0, 300.0]);
        assert!(at[1] - at[0] >= LINE - 0.1 && at[2] == 300.0);
    }

    #[test]
    fn counts() {
        assert_eq!(count(1_000.0), "1000");
        assert_eq!(count(100_000.0), "100k");
        assert_eq!(count(8_388_608.0), "8388608");
        assert_eq!(count(1e6), "1M");
    }
}
