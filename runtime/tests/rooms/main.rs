//! The rooms of `runtime/src` keep their order: a room is a folder with its `.rs` file, or a file on
//! its own. HACKING.md explains the rooms; this test holds three rules:
//!
//! - A room imports only from rooms on floors below its own.
//! - The files of a room do not import each other in a circle.
//! - `unsafe` is only in [`UNSAFE_ROOMS`].
//!
//! The numbers: `cargo test -p ocaml-lwt-interop --test rooms -- --nocapture`

mod planted;
mod rules;
mod source;

use rules::{Rules, check, numbers};
use source::read_crate;

/// The rooms by floor, the top floor first. `metrics` and `ocaml_blocking` are public, and what `entry` serves
/// OCaml with. `fuzz` is no part of the library.
const FLOORS: &[&[&str]] = &[
    &["lib"],
    &["entry", "fuzz"],
    &["metrics"],
    &["bridge", "ocaml_blocking"],
    &["domain"],
    &["value"],
    &["task", "wake", "ffi"],
    &["base"],
];

/// The rooms that may have `unsafe`. One that has none any more leaves the list.
const UNSAFE_ROOMS: &[&str] = &["ffi", "task", "wake", "entry", "value"];

/// Tests that need a room above their own: the file, and that room. None is to be added.
const UPWARD_TESTS: &[(&str, &str)] = &[];

#[test]
fn the_rooms_are_in_order() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");
    let files = read_crate(&|name| std::fs::read_to_string(format!("{root}{name}")).ok());
    let rules = Rules {
        floors: FLOORS,
        unsafe_rooms: UNSAFE_ROOMS,
        upward_tests: UPWARD_TESTS,
    };
    println!("{}", numbers(&rules, &files));
    let faults = check(&rules, &files);
    assert!(faults.is_empty(), "\n\n{}\n", faults.join("\n\n"));
}
