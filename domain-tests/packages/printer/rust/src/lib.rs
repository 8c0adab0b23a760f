//! Prints.

use demo_shapes::{Canvas, Point};
use ocaml_lwt_interop::{Opaque, OCamlException, Promise, func};

/// Returns a text that describes a canvas, and the point that somebody else has promised.
#[func(raise)]
pub async fn print_canvas(
    canvas: Opaque<Canvas>,
    last: Promise<Point>,
) -> Result<String, OCamlException> {
    let last = last.await?;
    let count = canvas.points().len();
    Ok(format!("{count} points, the last at {}, {}", last.x, last.y))
}
