//! OCaml's functions take a fixed number of arguments.

#[ocaml_lwt_interop::func(sync)]
pub unsafe extern "C" fn is_variadic(_a: ocaml::Int, _more: ...) {}

fn main() {}
