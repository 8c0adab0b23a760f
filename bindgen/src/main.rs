//! `ocaml-lwt-bindgen`: the OCaml declarations of what a Rust archive exports.

mod archive;
mod decode;
mod model;

fn main() {}
