//! The OCaml sources of these tests are compiled, read by `lwt-interop-externals`, and compared with functions that are
//! described by hand. The messages that a declaration gets follow it in comments.

mod accepted;
mod definitions;
mod layouts;
mod numbers;
mod support;
mod symbols;
mod unchecked;
mod wrong;
