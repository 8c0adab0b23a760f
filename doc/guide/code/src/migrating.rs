use ocaml_lwt_interop::{OCamlException, OCamlFunc, RuntimeToken, func};

/// Applies a function to a number. In ocaml-rs its argument `gc` is the token.
#[func(sync, raise)]
pub fn apply_to(
    token: &RuntimeToken<'_>,
    f: OCamlFunc<(isize,), isize>,
    n: isize,
) -> Result<isize, OCamlException> {
    f.call(token, (n,))
}
