//! The function keeps its attributes.
#![deny(warnings)]

use ocaml_lwt_interop::func;

/// Documented.
#[func]
/// Documented after the attribute as well.
#[must_use]
pub fn documented() -> bool {
    true
}

// `cfg` removes the stub as well, so the symbol is free.
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
