//! Parameters: an OCaml type is a single type.
use ocaml_lwt_interop::{FromOCaml, ToOCaml};

#[derive(ToOCaml)]
struct Generic<T> {
    value: T,
}

#[derive(FromOCaml)]
struct Array<const N: usize> {
    value: [u8; N],
}

#[derive(FromOCaml)]
struct Borrowed<'a> {
    value: &'a str,
}

#[derive(ToOCaml, FromOCaml)]
enum Both<'a, T> {
    A(&'a T),
}

fn main() {}
