//! All results in one chart: a row for each benchmark.

use crate::chart::{
    self, Area, BASELINE, FAINT, GRID, INK, LINE, MARGIN, extent, text, verdict_colour,
};
use crate::results::{Results, Row};
use crate::stats::Summary;
use crate::{dlwt, human, table};
use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;
use std::path::{Path, PathBuf};

const WIDTH: i32 = 1220;
/// Where the names end and the plot begins.
const NAMES: i32 = 240;
/// Where the plot ends.
const PLOT: i32 = 720;
/// Where the columns of text end (median, ratio) or begin (baseline, target).
const MEDIAN: i32 = 800;
const RATIO: i32 = 870;
const BASELINES: i32 = 884;
const TARGETS: i32 = 1040;
/// The space between two targets of a row.
const TARGET: i32 = 86;

/// Rows that share an axis.
struct Panel<'a> {
    title: &'static str,
    rows: Vec<&'a Row>,
    /// None for rows of different units, of which only the text is shown.
    axis: Option<Axis>,
}

/// A logarithmic axis.
struct Axis {
    range: (f64, f64),
    ticks: Vec<f64>,
    label: fn(f64) -> String,
    marks: fn(&Row) -> Marks,
}

/// The values of a row on the axis.
struct Marks {
    summary: Option<Summary>,
    baseline: Option<f64>,
    targets: Vec<f64>,
}

impl Marks {
    /// Times in nanoseconds.
    fn times(row: &Row) -> Self {
        Marks {
            summary: Some(row.summary),
            baseline: row.baseline.as_ref().map(|b| b.summary.median),
            targets: row.target.iter().map(|verdict| verdict.limit).collect(),
        }
    }

    /// Ratios to the baseline.
    fn ratios(row: &Row) -> Self {
        let summary = || {
            Some(Summary {
                median: row.ratio?,
                min: row.ratio_min?,
                max: row.ratio_max?,
            })
        };
        let baseline = row.baseline.as_ref().map_or(1.0, |b| b.summary.median);
        Marks {
            summary: summary(),
            baseline: Some(1.0),
            targets: row.target.iter().map(|v| v.limit / baseline).collect(),
        }
    }

    fn values(self) -> impl Iterator<Item = f64> {
        let summary = self.summary.map(|s| [s.median, s.min, s.max]);
        let values = summary.into_iter().flatten().chain(self.baseline);
        values.chain(self.targets)
    }
}

impl Axis {
    /// Whole powers of ten around all values.
    fn of_times(rows: &[&Row]) -> Option<Self> {
        let values = rows.iter().flat_map(|row| Marks::times(row).values());
        let (least, most) = extent(values.filter(|value| *value > 0.0))?;
        let from = least.log10().floor() as i32;
        let to = (most.log10().ceil() as i32).max(from + 1);
        Some(Axis {
            range: (10f64.powi(from), 10f64.powi(to)),
            ticks: (from..=to).map(|power| 10f64.powi(power)).collect(),
            label: |value| human::tick(value, "ns"),
            marks: Marks::times,
        })
    }

    /// Tenths around all values, within 0.5 and 2: outliers are drawn at the edge.
    fn of_ratios(rows: &[&Row]) -> Option<Self> {
        let values = rows.iter().flat_map(|row| Marks::ratios(row).values());
        let (least, most) = extent(values)?;
        let from = ((least * 10.0).floor() as i32).clamp(5, 9);
        let to = ((most * 10.0).ceil() as i32).clamp(11, 20);
        let tenths = |n: i32| f64::from(n) / 10.0;
        Some(Axis {
            range: (tenths(from), tenths(to)),
            // Higher ones are so close together that every other one has to do.
            ticks: (from..=to)
                .filter(|n| *n <= 12 || n % 2 == 0)
                .map(tenths)
                .collect(),
            label: |value| format!("{value:.1}"),
            marks: Marks::ratios,
        })
    }
}

impl Panel<'_> {
    fn height(&self) -> i32 {
        (3 + self.rows.len() as i32) * LINE
    }

    fn draw(&self, area: &Area) -> Result<()> {
        area.draw_text(self.title, &chart::heading(15), (MARGIN, LINE / 2))?;
        for (x, heading, h_pos) in [
            (MEDIAN, "median", HPos::Right),
            (RATIO, "ratio", HPos::Right),
            (BASELINES, "to the baseline", HPos::Left),
            (TARGETS, "target", HPos::Left),
        ] {
            text(area, heading, (x, 3 * LINE / 2), h_pos, FAINT)?;
        }
        for (i, row) in self.rows.iter().enumerate() {
            describe(area, row, (2 * i as i32 + 5) * LINE / 2)?;
        }
        match &self.axis {
            Some(axis) => self.plot(axis, area),
            None => Ok(()),
        }
    }

    fn plot(&self, axis: &Axis, area: &Area) -> Result<()> {
        let (from, to) = axis.range;
        let x = (from..to).log_scale().with_key_points(axis.ticks.clone());
        let mut chart = ChartBuilder::on(area)
            .margin_left(NAMES + 16)
            .margin_right(WIDTH - PLOT)
            .margin_top(LINE)
            .margin_bottom(LINE)
            .set_label_area_size(LabelAreaPosition::Top, LINE)
            .build_cartesian_2d(x, self.rows.len() as f64..0.0)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .axis_style(GRID)
            .bold_line_style(GRID)
            .x_label_style(chart::style(HPos::Center, FAINT))
            .x_label_formatter(&|value| (axis.label)(*value))
            .set_all_tick_mark_size(3)
            .draw()?;

        let bar = |x, y, width: u32, colour: RGBColor| {
            let line = vec![(0, -7), (0, 7)];
            EmptyElement::at((x, y)) + PathElement::new(line, colour.stroke_width(width))
        };
        for (i, row) in self.rows.iter().enumerate() {
            let (y, colour) = (i as f64 + 0.5, chart::colour(row));
            let marks = (axis.marks)(row);
            let baseline = marks.baseline.filter(|x| *x > 0.0);
            chart.draw_series(baseline.map(|x| bar(x, y, 6, BASELINE)))?;
            let targets = marks.targets.into_iter().filter(|x| *x > 0.0);
            chart.draw_series(targets.map(|x| bar(x, y, 2, INK)))?;
            if let Some(Summary { median, min, max }) = marks.summary.filter(|s| s.median > 0.0) {
                let ends = vec![(min.max(from), y), (max, y)];
                let range = PathElement::new(ends, colour.stroke_width(2));
                chart.draw_series([range])?;
                chart.draw_series([Circle::new((median, y), 4, colour.filled())])?;
            }
        }
        Ok(())
    }
}

/// Draws the columns of text of a row.
fn describe(area: &Area, row: &Row, y: i32) -> Result<()> {
    text(area, &row.name, (NAMES, y), HPos::Right, INK)?;
    let median = human::metric(row.summary.median, &row.unit);
    text(area, &median, (MEDIAN, y), HPos::Right, INK)?;
    if let (Some(ratio), Some(baseline)) = (row.ratio, &row.baseline) {
        text(area, &human::ratio(ratio), (RATIO, y), HPos::Right, INK)?;
        text(area, &baseline.name, (BASELINES, y), HPos::Left, FAINT)?;
    }
    for (i, verdict) in row.target.iter().enumerate() {
        let at = (TARGETS + i as i32 * TARGET, y);
        let colour = verdict_colour(verdict.met);
        text(area, &verdict.target, at, HPos::Left, colour)?;
    }
    Ok(())
}

/// Draws all results, and returns the file.
pub fn draw(results: &Results, out: &Path) -> Result<Vec<PathBuf>> {
    let (pair, ours): (Vec<_>, Vec<_>) = results.results.iter().partition(|row| dlwt::is_row(row));
    let (times, others): (Vec<&Row>, Vec<_>) = ours.into_iter().partition(|row| row.unit == "ns");
    let panel = |title, axis, rows| Panel { title, rows, axis };
    let mut panels = vec![
        panel("Time of one operation", Axis::of_times(&times), times),
        panel("dlwt: ratio to stock Lwt", Axis::of_ratios(&pair), pair),
        panel("Other units", None, others),
    ];
    panels.retain(|panel| !panel.rows.is_empty());

    let mut notes = vec![
        "Dot: median of all rounds. Line: minimum to maximum. Grey bar: the baseline, measured in \
         turn with the benchmark."
            .to_owned(),
        "Black bar: a target. Green: all targets are met. Red: a target is missed.".to_owned(),
    ];
    notes.extend(table::notes(results).lines().map(str::to_owned));
    let file = out.with_extension("svg");
    let height = panels.iter().map(Panel::height).sum();
    chart::write(&file, (WIDTH, height), "Benchmarks", &notes, |area| {
        let mut rest = area.clone();
        for panel in &panels {
            let (top, below) = rest.split_vertically(panel.height());
            panel.draw(&top)?;
            rest = below;
        }
        Ok(())
    })?;
    Ok(vec![file])
}
