//! What all charts share: the page, its title, colours and text.

use crate::results::Row;
use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::Path;

pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub const MARGIN: i32 = 16;
/// The height of a line of text.
pub const LINE: i32 = 20;

pub const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub const FAINT: RGBColor = RGBColor(0x77, 0x77, 0x77);
pub const GRID: RGBColor = RGBColor(0xe4, 0xe4, 0xe4);
pub const BASELINE: RGBColor = RGBColor(0x99, 0x99, 0x99);
const NEUTRAL: RGBColor = RGBColor(0x39, 0x61, 0x8e);
const MET: RGBColor = RGBColor(0x2a, 0x8a, 0x4a);
const MISSED: RGBColor = RGBColor(0xc8, 0x37, 0x2d);

/// The size of a font whose capital letters are as high as at `pixels` in other programs: the SVG
/// backend of plotters divides by 1.24.
const fn font(pixels: i32) -> f64 {
    pixels as f64 * 1.24
}

/// Writes an SVG file of the given size. `draw` gets the area below the title and the notes.
pub fn write(
    file: &Path,
    (width, height): (i32, i32),
    title: &str,
    notes: &[String],
    draw: impl FnOnce(&Area) -> Result<()>,
) -> Result<()> {
    let top = (2 + notes.len() as i32) * LINE + LINE / 2;
    let size = (width as u32, (top + height) as u32);
    let write = || -> Result<()> {
        let page = SVGBackend::new(file, size).into_drawing_area();
        page.fill(&WHITE)?;
        page.draw_text(title, &heading(20), (MARGIN, MARGIN))?;
        for (i, note) in notes.iter().enumerate() {
            let y = 2 * LINE + i as i32 * LINE + LINE / 2;
            text(&page, note, (MARGIN, y), HPos::Left, FAINT)?;
        }
        draw(&page.split_vertically(top).1)?;
        page.present()?;
        Ok(())
    };
    write().with_context(|| file.display().to_string())
}

/// The style of text that is centred vertically.
pub fn style(h_pos: HPos, colour: RGBColor) -> TextStyle<'static> {
    let font = ("sans-serif", font(12)).into_font();
    TextStyle {
        color: colour.to_backend_color(),
        pos: Pos::new(h_pos, VPos::Center),
        ..font.into()
    }
}

/// The style of a heading of the given size.
pub fn heading(pixels: i32) -> TextStyle<'static> {
    let font = ("sans-serif", font(pixels), FontStyle::Bold).into_font();
    TextStyle {
        color: INK.to_backend_color(),
        ..font.into()
    }
}

/// Draws text beside a point of the area.
pub fn text(area: &Area, text: &str, at: (i32, i32), h_pos: HPos, colour: RGBColor) -> Result<()> {
    Ok(area.draw_text(text, &style(h_pos, colour), at)?)
}

/// Returns the colour of a row's marks.
pub fn colour(row: &Row) -> RGBColor {
    row.met().map_or(NEUTRAL, verdict_colour)
}

pub fn verdict_colour(met: bool) -> RGBColor {
    if met { MET } else { MISSED }
}

/// Returns the least and the largest of finite values, or `None` if there are none.
pub fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .filter(|value| value.is_finite())
        .fold(None, |extent, value| {
            let (least, most) = extent.unwrap_or((value, value));
            Some((least.min(value), most.max(value)))
        })
}
