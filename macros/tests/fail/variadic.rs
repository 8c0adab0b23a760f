//! Variadic functions cannot be exported.

#[ocaml_lwt_interop::func(sync)]
pub unsafe extern "C" fn is_variadic(_a: isize, _more: ...) {}

fn main() {}
