//! Variadic functions cannot be exported.

#[ocaml_lwt_interop::func(sync)]
pub unsafe extern "C" fn is_variadic(_a: ocaml::Int, _more: ...) {}

fn main() {}
