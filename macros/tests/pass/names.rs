//! Names in user code that are the same as names in the expansion.
#![deny(warnings)]
#![allow(non_upper_case_globals, non_camel_case_types)]

use ocaml_lwt_interop::func;

/// Modules with the names of crates that the expansion uses.
mod shadows {
    mod ocaml_lwt_interop {}
    mod core {}
    mod std {}
    mod ocaml {}
    #[allow(unused)]
    struct Result;
    #[allow(unused)]
    struct Value;

    use ::ocaml_lwt_interop::func;

    #[func]
    pub fn among_shadows(a: bool, b: bool, c: bool, d: bool, e: bool, f: bool) -> bool {
        a & b & c & d & e & f
    }
}

#[func(sync)]
pub fn arguments_like_ours(
    a0: bool,
    v0: bool,
    stub: bool,
    start: bool,
    argv: bool,
    value: bool,
) -> bool {
    a0 & v0 & stub & start & argv & value
}

#[func(sync)]
pub fn stub() {}

#[func(sync)]
pub fn a0(a: bool) -> bool {
    a
}

#[func(sync)]
pub fn v0(v0: bool) -> bool {
    v0
}

#[func(sync)]
pub fn start(start: bool) -> bool {
    start
}

#[func(sync)]
pub fn value(value: bool) -> bool {
    value
}

/// Constants, which a pattern of the same name would refer to.
mod constants {
    #![allow(dead_code)]

    const raw: u8 = 0;
    const value: u8 = 0;
    const args: u8 = 0;
    static argv: u8 = 0;
    struct start;

    #[ocaml_lwt_interop::func(sync)]
    pub fn among_constants(a: bool, b: bool, c: bool, d: bool, e: bool, f: bool) -> bool {
        a & b & c & d & e & f
    }
}

fn main() {
    stub();
    assert!(a0(true) && v0(true) && start(true) && value(true));
}
