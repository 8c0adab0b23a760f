//! Results whose conversion would raise an OCaml exception through Rust code.

use ocaml_lwt_interop::func;

type Outcome<T> = Result<T, ocaml::Error>;

#[func]
pub fn raises() -> Result<String, ocaml::Error> {
    Ok(String::new())
}

#[func(sync)]
pub fn raises_by_an_alias() -> Outcome<String> {
    Ok(String::new())
}

#[func(sync)]
pub fn raises_inside() -> Option<Outcome<String>> {
    None
}

fn main() {}
