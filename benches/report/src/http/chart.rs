//! The results as bars: one small chart for each handler and metric.

use super::cases::{HANDLERS, Handler, METRICS, SERVERS, rows};
use crate::chart::{self, Area, BASELINE, FAINT, INK, LINE, MARGIN, text};
use crate::results::{Results, Row};
use crate::{human, table};
use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;
use std::path::{Path, PathBuf};

/// Where the first chart begins.
const FIRST: i32 = 110;
/// The width of a chart, and of its longest bar.
const COLUMN: i32 = 240;
const BAR: i32 = 110;
const WIDTH: i32 = FIRST + COLUMN * METRICS.len() as i32;

/// A server's label, and its rows, one for each metric.
type Servers<'a> = Vec<(&'static str, Vec<&'a Row>)>;

/// Draws all results, and returns the file.
pub fn draw(results: &Results, out: &Path) -> Result<Vec<PathBuf>> {
    let servers = |handler: &Handler| -> Servers {
        let all = SERVERS.into_iter();
        all.filter_map(|(name, label)| Some((label, rows(results, handler, name)?)))
            .collect()
    };
    let handlers: Vec<_> = HANDLERS.iter().map(|h| (h, servers(h))).collect();

    let mut notes = vec![
        "Bar: median of all rounds. Line: minimum to maximum. Number: median, and ratio to the \
         grey server, the baseline. CPU times are for one request."
            .to_owned(),
        "Green: all targets are met. Red: a target is missed.".to_owned(),
    ];
    notes.extend(table::notes(results).lines().map(str::to_owned));
    let file = out.with_extension("svg");
    let all = handlers.iter().map(|(_, servers)| height(servers)).sum();
    chart::write(&file, (WIDTH, all), "Web servers", &notes, |area| {
        let mut rest = area.clone();
        for (handler, servers) in &handlers {
            let (top, below) = rest.split_vertically(height(servers));
            draw_handler(handler, servers, &top)?;
            rest = below;
        }
        Ok(())
    })?;
    Ok(vec![file])
}

fn height(servers: &Servers) -> i32 {
    (3 + servers.len() as i32) * LINE
}

fn draw_handler(handler: &Handler, servers: &Servers, area: &Area) -> Result<()> {
    let title = format!("GET {}", handler.target);
    text(area, &title, (MARGIN, LINE / 2), HPos::Left, INK)?;
    for (i, (label, _)) in servers.iter().enumerate() {
        let at = (FIRST - 10, (2 * i as i32 + 5) * LINE / 2);
        text(area, label, at, HPos::Right, INK)?;
    }
    for (i, metric) in METRICS.iter().enumerate() {
        let x = FIRST + i as i32 * COLUMN;
        text(area, metric.heading, (x, 3 * LINE / 2), HPos::Left, FAINT)?;
        let rows: Vec<_> = servers.iter().map(|(_, rows)| rows[i]).collect();
        let column = area.margin(2 * LINE, LINE, x, WIDTH - x - COLUMN);
        draw_bars(&rows, &column)?;
    }
    Ok(())
}

fn draw_bars(rows: &[&Row], area: &Area) -> Result<()> {
    let longest = rows.iter().map(|row| row.summary.median);
    let longest = longest.fold(f64::MIN_POSITIVE, f64::max);
    // Rounds that were disturbed may exceed the chart: their lines end at its edge.
    let edge = longest * 1.1;
    let mut context = ChartBuilder::on(area)
        .margin_right(COLUMN - BAR * 11 / 10)
        .build_cartesian_2d(0.0..edge, rows.len() as f64..0.0)?;
    for (i, row) in rows.iter().enumerate() {
        let y = i as f64 + 0.5;
        let colour = match row.baseline {
            Some(_) => chart::colour(row),
            None => BASELINE,
        };
        let bar = [(0.0, y - 0.3), (row.summary.median, y + 0.3)];
        context.draw_series([Rectangle::new(bar, colour.filled())])?;
        let range = vec![
            (row.summary.min.min(edge), y),
            (row.summary.max.min(edge), y),
        ];
        context.draw_series([PathElement::new(range, INK.mix(0.5))])?;

        let metric = human::metric(row.summary.median, &row.unit);
        let label = match row.ratio {
            Some(ratio) => format!("{metric}, {}", human::ratio(ratio)),
            None => metric,
        };
        let at = (BAR * 11 / 10 + 6, (2 * i as i32 + 1) * LINE / 2);
        text(area, &label, at, HPos::Left, INK)?;
    }
    Ok(())
}
