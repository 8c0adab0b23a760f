//! The crate `{{bound}}` for OCaml. The build declares these functions in the OCaml module `{{Module}}`.

use ocaml_lwt_interop::func;

/// Returns the name of the Rust crate that this package binds.
///
/// This is an example: write functions that call `{{bound}}` here.
#[func(sync, name = "{{module}}_bound_crate")]
pub fn bound_crate() -> String {
    "{{bound}}".to_owned()
}
