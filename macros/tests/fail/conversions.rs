//! Types that do not convert from or to OCaml values.

use ocaml_lwt_interop::func;

pub struct Opaque;

#[func]
pub fn takes_it(_a: bool, _opaque: Opaque) {}

#[func(sync)]
pub fn takes_some(_opaque: Vec<Opaque>) {}

#[func]
pub fn gives_it() -> Opaque {
    Opaque
}

#[func(sync)]
pub fn gives_it_at_once() -> Opaque {
    Opaque
}

#[func(tokio)]
pub fn gives_it_from_tokio() -> Opaque {
    Opaque
}

#[func(blocking)]
pub fn gives_it_from_the_pool() -> Opaque {
    Opaque
}

#[func]
pub fn gives_a_result() -> Result<bool, Opaque> {
    Err(Opaque)
}

fn main() {}
