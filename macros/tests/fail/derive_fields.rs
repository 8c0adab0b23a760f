//! Fields whose types do not convert.
use ocaml_lwt_interop::{FromOCaml, ToOCaml};

struct Plain;

#[derive(ToOCaml)]
struct Record {
    plain: Plain,
    fine: u8,
}

#[derive(FromOCaml)]
enum Variant {
    A(u8, Vec<Plain>),
}

fn main() {}
