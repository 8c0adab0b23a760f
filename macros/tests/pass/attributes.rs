//! Attributes stay with the function.
#![deny(warnings)]

use ocaml_lwt_interop::func;

/// Documented.
#[func]
/// Here as well.
#[must_use]
pub fn documented() -> bool {
    true
}

// Neither the function nor a stub is there, so the name is free.
#[func]
#[cfg(any())]
pub fn only_sometimes() -> Undefined {}

#[cfg(any())]
#[func(sync)]
pub fn only_sometimes() -> Undefined {}

#[func(sync)]
#[cfg_attr(all(), must_use)]
pub fn only_sometimes() -> bool {
    true
}

#[func(sync)]
#[deprecated = "for Rust"]
pub fn deprecated() {}

#[func(sync)]
#[allow(unused_variables, clippy::many_single_char_names)]
#[inline(never)]
#[track_caller]
pub fn allows(a: bool) {}


fn main() {
    assert!(only_sometimes());
    let _ = documented();
}
