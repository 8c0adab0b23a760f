//! `raise` requires a `Result` whose error can be raised.

use ocaml_lwt_interop::func;

pub struct Opaque;

#[func(raise)]
pub fn nothing_to_raise() -> String {
    String::new()
}

#[func(raise, sync)]
pub fn nothing_at_all() {}

#[func(raise)]
pub fn no_error() -> Result<bool, Opaque> {
    Err(Opaque)
}

fn main() {}
