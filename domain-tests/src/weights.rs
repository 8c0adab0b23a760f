//! Opaque values of traits, and those that keep much memory alive.

use ocaml_lwt_interop::{Opaque, OpaqueType, func, opaque_type};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub trait Shape: Send + Sync {
    fn area(&self) -> f64;
}

opaque_type!(dyn Shape as "any_shape");

struct Square(f64);
struct Circle(f64, String);

impl Shape for Square {
    fn area(&self) -> f64 {
        self.0 * self.0
    }
}

impl Shape for Circle {
    fn area(&self) -> f64 {
        assert_eq!(self.1, "a circle");
        self.0 * self.0 * 3.0
    }
}

#[func(sync)]
pub fn shape_square(side: f64) -> Opaque<dyn Shape> {
    let shape: Arc<dyn Shape> = Arc::new(Square(side));
    shape.into()
}

#[func(sync)]
pub fn shape_circle(radius: f64) -> Opaque<dyn Shape> {
    let shape: Arc<dyn Shape> = Arc::new(Circle(radius, "a circle".to_owned()));
    shape.into()
}

#[func(sync)]
pub fn shape_area(shape: Opaque<dyn Shape>) -> f64 {
    shape.area()
}

#[func(tokio)]
pub async fn shapes_sum(shapes: Vec<Opaque<dyn Shape>>) -> f64 {
    tokio::task::yield_now().await;
    shapes.iter().map(|shape| shape.area()).sum()
}

/// A struct that ends with a slice, which no type of a known size does.
pub struct Texts<T: ?Sized>(T);

opaque_type!(Texts<[String]> as "texts");

#[func(sync)]
pub fn shape_texts(first: String, second: String) -> Opaque<Texts<[String]>> {
    let texts: Arc<Texts<[String]>> = Arc::new(Texts([first, second]));
    texts.into()
}

#[func(sync)]
pub fn shape_text(texts: Opaque<Texts<[String]>>, i: usize) -> Option<String> {
    texts.0.get(i).cloned()
}

/// Another opaque type.
#[derive(OpaqueType)]
pub struct Caption;

#[func(sync)]
pub fn shape_caption() -> Opaque<Caption> {
    Opaque::new(Caption)
}

static ALIVE: AtomicUsize = AtomicUsize::new(0);

/// A value that is counted while it is alive.
#[derive(OpaqueType)]
pub struct Page;

impl Page {
    fn new() -> Self {
        ALIVE.fetch_add(1, Ordering::Relaxed);
        Page
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns a value that says that it keeps so much memory alive.
#[func(sync)]
pub fn page_create(bytes: usize) -> Opaque<Page> {
    Opaque::with_weight(Page::new(), bytes)
}

#[func(sync)]
pub fn page_same(page: Opaque<Page>) -> Opaque<Page> {
    page
}

#[func(sync)]
pub fn pages_alive() -> usize {
    ALIVE.load(Ordering::Relaxed)
}
