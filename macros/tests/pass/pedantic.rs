//! The expansion passes strict lints.
#![deny(warnings, missing_docs, unsafe_op_in_unsafe_fn)]
#![forbid(unsafe_code)]

use ocaml_lwt_interop::func;

/// Says hello.
#[func]
pub fn greet(name: String, times: isize) -> String {
    format!("hello {name} {times}")
}

/// Six arguments.
#[func(sync)]
pub fn six(a: bool, b: bool, c: bool, d: bool, e: bool, f: bool) -> bool {
    a & b & c & d & e & f
}

fn main() {}
