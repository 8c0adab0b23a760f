//! What both packages work with.

use ocaml_lwt_interop::{FromOCaml, OCamlException, OpaqueType, ToOCaml, func};
use std::sync::Mutex;

/// A place on a canvas.
#[derive(Clone, Copy, Debug, FromOCaml, ToOCaml)]
pub struct Point {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
}

/// A problem with a canvas.
#[derive(Debug, OCamlException)]
pub enum CanvasError {
    /// It takes no more points than this.
    #[ocaml(name = "Canvas_full")]
    Full(usize),
}

/// Points that somebody has painted.
#[derive(Debug, OpaqueType)]
pub struct Canvas {
    size: usize,
    points: Mutex<Vec<Point>>,
}

#[func]
impl Canvas {
    /// Creates a canvas for so many points.
    pub fn create(size: usize) -> Self {
        Canvas {
            size,
            points: Mutex::default(),
        }
    }

    /// Adds a point.
    #[func(raise)]
    pub fn add(&self, point: Point) -> Result<(), CanvasError> {
        let mut points = self.points.lock().unwrap();
        if points.len() == self.size {
            return Err(CanvasError::Full(self.size));
        }
        points.push(point);
        Ok(())
    }

    /// Returns the points.
    pub fn points(&self) -> Vec<Point> {
        self.points.lock().unwrap().clone()
    }
}

/// A width in points.
#[derive(Clone, Copy, Debug, FromOCaml, ToOCaml)]
pub struct Width(pub f64);

/// A tool for drawing.
#[derive(Clone, Debug, FromOCaml, ToOCaml)]
#[ocaml(polymorphic)]
pub enum Pen {
    /// A thin line.
    Pencil,
    /// A wide line.
    Brush(Width),
}

/// A drawing.
#[derive(Clone, Debug, FromOCaml, ToOCaml)]
pub enum Figure {
    /// A point.
    Dot(Point),
    /// Several figures.
    Group(Vec<Figure>),
}
