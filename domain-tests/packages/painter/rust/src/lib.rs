//! Paints.

use demo_shapes::{Canvas, CanvasError, Figure, Pen, Point};
use ocaml_lwt_interop::{Opaque, func};
use std::time::Duration;

/// Says what a pen would draw.
#[func(sync)]
pub fn describe(pen: Pen, figure: Figure) -> String {
    let dots = |figures: &[Figure]| {
        figures
            .iter()
            .filter(|f| matches!(f, Figure::Dot(_)))
            .count()
    };
    let figure = match &figure {
        Figure::Dot(point) => format!("a dot at {}, {}", point.x, point.y),
        Figure::Group(figures) => {
            format!("{} figures, {} of them dots", figures.len(), dots(figures))
        }
    };
    match pen {
        Pen::Pencil => format!("pencil: {figure}"),
        Pen::Brush(width) => format!("brush of {}: {figure}", width.0),
    }
}

/// Paints points from the first to the last, one after the other, and returns the last one.
#[func(raise)]
pub async fn paint_line(
    canvas: Opaque<Canvas>,
    first: Point,
    last: Point,
    count: u32,
) -> Result<Point, CanvasError> {
    for i in 0..count {
        tokio::time::sleep(Duration::from_micros(100)).await;
        let part = f64::from(i) / f64::from(count);
        canvas.add(Point {
            x: first.x + (last.x - first.x) * part,
            y: first.y + (last.y - first.y) * part,
        })?;
    }
    Ok(last)
}
