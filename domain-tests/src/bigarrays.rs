//! Memory that Rust and OCaml share.

use ocaml_lwt_interop::{Bigarray, func};
use std::sync::Mutex;

macro_rules! of_each_kind {
    ($($t:ty: $first:literal, $make:ident, $double:ident;)+) => {$(
        /// Returns so many numbers, from the first one on.
        #[func(sync)]
        pub fn $make(count: u8) -> Bigarray<$t> {
            let first: $t = $first;
            Bigarray::from((0..count).map(|n| first + n as $t).collect::<Vec<_>>())
        }

        /// Doubles each number where it is, and returns the array itself.
        #[func(sync)]
        pub fn $double(array: Bigarray<$t>) -> Bigarray<$t> {
            let doubled: Vec<$t> = array.to_vec().iter().map(|n| n + n).collect();
            array.copy_from_slice(0, &doubled);
            array
        }
    )+};
}

of_each_kind!(
    i8: -1, bigarray_make_i8, bigarray_double_i8;
    u8: 0, bigarray_make_u8, bigarray_double_u8;
    i16: -1, bigarray_make_i16, bigarray_double_i16;
    u16: 0, bigarray_make_u16, bigarray_double_u16;
    i32: -1, bigarray_make_i32, bigarray_double_i32;
    i64: -1, bigarray_make_i64, bigarray_double_i64;
    isize: -1, bigarray_make_isize, bigarray_double_isize;
    f32: -1.0, bigarray_make_f32, bigarray_double_f32;
    f64: -1.0, bigarray_make_f64, bigarray_double_f64;
);

/// Returns bytes of which Rust keeps a reference, or not.
#[func(sync)]
pub fn bigarray_of_bytes(text: bytes::Bytes, is_shared: bool) -> (Bigarray<u8>, bool) {
    let start = text.as_ptr();
    let shared = is_shared.then(|| text.clone());
    let array = Bigarray::from(text);
    let is_copied = array.as_mut_ptr().cast_const() != start;
    drop(shared);
    (array, is_copied)
}

static KEPT: Mutex<Option<Bigarray<u8>>> = Mutex::new(None);

/// Keeps an array, and returns the one that was kept before.
#[func(sync)]
pub fn bigarray_swap(array: Option<Bigarray<u8>>) -> Option<Bigarray<u8>> {
    std::mem::replace(&mut *KEPT.lock().unwrap(), array)
}

/// Returns the sum of bytes, on another thread.
#[func(tokio)]
pub async fn bigarray_sum(array: Bigarray<u8>) -> isize {
    tokio::task::yield_now().await;
    array.to_vec().into_iter().map(isize::from).sum()
}

/// Returns so many bytes, all of which are written to.
#[func(sync)]
pub fn bigarray_filled(bytes: usize) -> Bigarray<u8> {
    Bigarray::from(vec![1; bytes])
}

/// Returns arrays within other values.
#[func(sync)]
pub fn bigarrays_nested(count: usize) -> Vec<(usize, Option<Bigarray<i64>>)> {
    let array = |n| (n % 3 > 0).then(|| Bigarray::from(vec![n as i64; n]));
    (0..count).map(|n| (n, array(n))).collect()
}

/// Writes one number to all elements, many times, on another thread.
#[func(blocking)]
pub fn bigarray_hammer(array: Bigarray<i64>, number: i64, times: usize) {
    let numbers = vec![number; array.len()];
    for _ in 0..times {
        array.copy_from_slice(0, &numbers);
    }
}

/// Returns how many elements are none of the two numbers.
#[func(sync)]
pub fn bigarray_torn(array: Bigarray<i64>, a: i64, b: i64) -> usize {
    let is_torn = |n: &&i64| ![a, b].contains(n);
    array.to_vec().iter().filter(is_torn).count()
}

#[func(sync)]
pub fn bigarray_out_of_bounds(array: Bigarray<i64>) {
    array.set(array.len(), 1);
}
