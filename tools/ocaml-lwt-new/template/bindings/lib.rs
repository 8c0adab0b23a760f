//! The crate `{{bound}}` for OCaml. The build declares these functions in the OCaml module `{{Module}}`.

use ocaml_lwt_interop::func;

/// Returns the name of the Rust crate that this package binds.
#[func(sync, name = "{{module}}_bound_crate")]
pub fn bound_crate() -> String {
    // Compiles only if the crate has been added to Cargo.toml.
    use {{bound_crate}} as _;
    "{{bound}}".to_owned()
}
