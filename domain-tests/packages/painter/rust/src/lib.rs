//! Paints.

use demo_shapes::{Canvas, CanvasError, Point};
use ocaml_lwt_interop::{Opaque, func};
use std::time::Duration;

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
