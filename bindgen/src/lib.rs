//! The programs `ocaml-lwt-build` and `ocaml-lwt-bindgen`: a static library of Rust functions for OCaml, and the
//! declarations of what it exports.

#![allow(missing_docs, reason = "a library of these two programs alone")]

pub mod archive;
pub mod build;
pub mod check;
pub mod decode;
pub mod generate;
pub mod list;
pub mod model;
pub mod output;
#[cfg(test)]
mod testing;
