//! The crate `{{bound}}` for OCaml. The build declares these functions in the OCaml module `{{Module}}`.

use ocaml_lwt_interop::func;

// An example: replace it by functions that call `{{bound}}`.

/// Returns the name of the Rust crate that this package binds.
#[func(sync)]
pub fn bound_crate() -> String {
    "{{bound}}".to_owned()
}

#[cfg(test)]
mod tests {
    use super::bound_crate;

    #[test]
    fn the_crate_has_a_name() {
        assert_eq!(bound_crate(), "{{bound}}");
    }
}
