//! A chart of lines. Both axes are logarithmic.

use crate::chart::{self, Area, FAINT, GRID, INK, extent, text};
use crate::human;
use crate::stats::Summary;
use anyhow::{Context, Result};
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;
use std::path::Path;

const SIZE: (i32, i32) = (760, 330);
/// The width of the labels at the right ends of the lines.
const LABELS: i32 = 280;
/// The distance between two labels.
const DISTANCE: i32 = 34;

const COLOURS: [RGBColor; 5] = [
    RGBColor(0x39, 0x61, 0x8e),
    RGBColor(0xc8, 0x37, 0x2d),
    RGBColor(0x2a, 0x8a, 0x4a),
    RGBColor(0xb0, 0x7a, 0x00),
    RGBColor(0x7a, 0x4a, 0x9a),
];

pub struct Point {
    pub x: f64,
    pub y: Summary,
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
    /// At least one, all in one unit.
    pub lines: Vec<Line>,
}

/// Returns the ticks 1, 2, 5, 10, ... that enclose both values. Where that would be many, only the
/// powers of ten.
fn ticks(least: f64, most: f64) -> Vec<f64> {
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

/// Moves labels that are closer than `DISTANCE` apart, and keeps their order.
fn apart(mut at: Vec<i32>) -> Vec<i32> {
    let mut order: Vec<_> = (0..at.len()).collect();
    order.sort_by_key(|i| at[*i]);
    for _ in 0..100 {
        for pair in order.windows(2) {
            let missing = DISTANCE - (at[pair[1]] - at[pair[0]]);
            if missing > 0 {
                at[pair[0]] -= missing / 2;
                at[pair[1]] += missing - missing / 2;
            }
        }
    }
    at
}

pub fn draw(chart: &Chart, file: &Path) -> Result<()> {
    let note = "Dots: medians. Thin lines: minimum to maximum.".to_owned();
    chart::write(file, SIZE, chart.title, &[note], |area| plot(chart, area))
}

fn plot(chart: &Chart, area: &Area) -> Result<()> {
    let points = || chart.lines.iter().flat_map(|line| &line.points);
    let unit = &chart.lines[0].unit;
    let medians = points().map(|p| p.y.median).filter(|v| *v > 0.0);
    let (least, most) = extent(medians).context("no value is above 0")?;
    let y_ticks = ticks(least, most);
    let y_range = y_ticks[0]..y_ticks[y_ticks.len() - 1];
    let clamp = |y: f64| y.clamp(y_range.start, y_range.end);

    let mut x_ticks: Vec<_> = points().map(|p| p.x).collect();
    x_ticks.sort_by(f64::total_cmp);
    x_ticks.dedup();
    // The axis shows x + 1, so that 0 is on it too.
    let (first, last) = (x_ticks[0] + 1.0, x_ticks[x_ticks.len() - 1] + 1.0);
    let margin = (last / first).powf(0.03).max(1.1);
    let x_range = first / margin - 1.0..last * margin - 1.0;

    let mut context = ChartBuilder::on(area)
        .margin_top(10)
        .margin_right(LABELS)
        .set_label_area_size(LabelAreaPosition::Left, 80)
        .set_label_area_size(LabelAreaPosition::Bottom, 56)
        .build_cartesian_2d(
            x_range
                .log_scale()
                .zero_point(-1.0)
                .with_key_points(x_ticks),
            y_range.clone().log_scale().with_key_points(y_ticks),
        )?;
    context
        .configure_mesh()
        .axis_style(GRID)
        .bold_line_style(GRID)
        .label_style(chart::style(HPos::Center, FAINT))
        .axis_desc_style(chart::style(HPos::Center, INK))
        .x_desc(chart.axis)
        .x_label_formatter(&|x| human::count(*x))
        .y_label_formatter(&|y| human::tick(*y, unit))
        .draw()?;

    let mut labels = Vec::new();
    for (line, colour) in chart.lines.iter().zip(COLOURS) {
        let medians: Vec<_> = line
            .points
            .iter()
            .map(|p| (p.x, clamp(p.y.median)))
            .collect();
        let ranges = line.points.iter().map(|p| {
            let ends = vec![(p.x, clamp(p.y.min)), (p.x, clamp(p.y.max))];
            PathElement::new(ends, colour.mix(0.4))
        });
        context.draw_series(ranges)?;
        context.draw_series(
            LineSeries::new(medians.iter().copied(), colour.filled().stroke_width(2)).point_size(3),
        )?;
        let end = medians.last().context("a line has points")?;
        let (x, y) = context.backend_coord(end);
        labels.push((x, y));
    }
    let (_, top) = area.get_base_pixel();
    let ys = apart(labels.iter().map(|(_, y)| y - top).collect());
    for (((line, colour), (x, _)), y) in chart.lines.iter().zip(COLOURS).zip(labels).zip(ys) {
        let metric = |p: &Point| human::metric(p.y.median, unit);
        text(area, line.label, (x + 20, y), HPos::Left, colour)?;
        if let [first, .., last] = &line.points[..] {
            let range = format!("{} ... {}", metric(first), metric(last));
            text(area, &range, (x + 20, y + 14), HPos::Left, FAINT)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_enclose_the_values() {
        assert_eq!(ticks(150.0, 420.0), [100.0, 200.0, 500.0]);
        assert_eq!(ticks(3.0, 2_000.0), [1.0, 10.0, 100.0, 1_000.0, 10_000.0]);
        assert_eq!(ticks(190.0, 190.0), [100.0, 200.0]);
    }

    #[test]
    fn labels_do_not_touch() {
        let at = apart(vec![100, 101, 300]);
        assert!(at[1] - at[0] >= DISTANCE && at[2] == 300);
    }
}
