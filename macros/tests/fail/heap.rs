//! What would corrupt the OCaml heap cannot be written without `unsafe`, also with the crate `ocaml` at hand.

use ocaml_lwt_interop::{Args, OCamlFunc, Rooted, RuntimeToken, domain, func};

/// Says that it is one argument, and is another number of them.
pub struct Lies;

impl Args for Lies {}

#[func(sync)]
pub fn calls_with_lies(f: OCamlFunc<Lies, String>) -> String {
    domain::with_token(|t| f.call(t, Lies).unwrap()).unwrap()
}

pub fn roots_anything(token: &RuntimeToken<'_>) -> Rooted<String> {
    Rooted::<String>::new(token, &ocaml::Value::unit())
}

#[func(tokio)]
pub async fn collects_on_tokio() {
    ocaml_lwt_interop::ocaml::runtime::gc_minor();
}

#[func(sync)]
pub fn keeps_a_raw_value(s: ocaml::Value) -> ocaml::Value {
    s
}

#[func(sync)]
pub fn shares_a_cell(cell: ocaml::Pointer<std::cell::RefCell<Vec<u8>>>) {
    cell.as_ref().borrow_mut().push(1);
}

pub struct Mine;

impl ocaml_lwt_interop::FromOCaml for Mine {
    const TYPE: &'static ocaml_lwt_interop::convert::types::Type =
        &ocaml_lwt_interop::convert::types::Type::Int;

    fn from_ocaml(
        _: ocaml_lwt_interop::convert::Source<'_>,
    ) -> Result<Self, ocaml_lwt_interop::ConversionError> {
        Ok(Mine)
    }
}

fn main() {}
