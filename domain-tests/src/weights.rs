//! Opaque values of traits, and those that keep much memory alive.

use ocaml_lwt_interop::convert::types::Type;
use ocaml_lwt_interop::convert::{ConversionError, ToOCaml, Writer};
use ocaml_lwt_interop::{
    Bigarray, OCamlException, OCamlFunc, Opaque, OpaqueType, RuntimeToken, func, opaque_type,
};
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

static IN_PROGRESS: AtomicUsize = AtomicUsize::new(0);

/// Counts a call until it is dropped.
struct InProgress;

impl InProgress {
    fn new() -> Self {
        IN_PROGRESS.fetch_add(1, Ordering::Relaxed);
        InProgress
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        IN_PROGRESS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A result that is dropped, as each is, when it has been converted.
pub struct Made<T>(T, InProgress);

// SAFETY: a `T` is written.
unsafe impl<T: ToOCaml> ToOCaml for Made<T> {
    const TYPE: &'static Type = T::TYPE;

    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        self.0.to_ocaml(writer)
    }
}

fn pages(bytes: usize) -> impl Iterator<Item = Opaque<Page>> {
    std::iter::repeat_with(move || Opaque::with_weight(Page::new(), bytes))
}

/// Returns so many values of so many bytes each.
#[func(sync)]
pub fn pages_create(count: usize, bytes: usize) -> Made<Vec<Opaque<Page>>> {
    let in_progress = InProgress::new();
    Made(pages(bytes).take(count).collect(), in_progress)
}

/// Returns so many arrays of so many bytes each.
#[func(sync)]
pub fn pages_of_bytes(count: usize, bytes: usize) -> Made<Vec<Bigarray<u8>>> {
    let in_progress = InProgress::new();
    let arrays = (0..count).map(|_| vec![0; bytes].into()).collect();
    Made(arrays, in_progress)
}

/// Calls a function with so many values of so many bytes each.
#[func(sync, raise)]
pub fn pages_pass(
    token: &RuntimeToken<'_>,
    f: OCamlFunc<(Opaque<Page>,), ()>,
    count: usize,
    bytes: usize,
) -> Result<(), OCamlException> {
    let _in_progress = InProgress::new();
    for page in pages(bytes).take(count) {
        f.call(token, (page,))?;
    }
    Ok(())
}

/// Returns the number of calls of the functions above that have neither returned nor raised.
#[func(sync)]
pub fn pages_in_progress() -> usize {
    IN_PROGRESS.load(Ordering::Relaxed)
}
