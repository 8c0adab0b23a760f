//! Attributes that are wrong, or in the wrong place.
use ocaml_lwt_interop::{FromOCaml, ToOCaml};

#[derive(ToOCaml)]
#[ocaml(polymorphic)]
struct Polymorphic {
    #[ocaml(crate = ::ocaml_lwt_interop)]
    a: u8,
    #[ocaml(recursive = true)]
    b: u8,
    #[ocaml(name)]
    c: u8,
    #[ocaml(name = 1)]
    d: u8,
    #[ocaml]
    e: u8,
    #[ocaml(name = "one", name = "two")]
    f: u8,
}

#[derive(FromOCaml)]
#[ocaml(polymorphic(true))]
enum Enum {
    #[ocaml(recursive)]
    A,
    B(#[ocaml(name = "b")] u8),
}

#[derive(FromOCaml)]
#[ocaml(crate)]
struct Crate {}

#[derive(FromOCaml)]
#[ocaml(crate = "text")]
struct CrateText {}

#[derive(FromOCaml)]
#[ocaml(rename_all = "lowercase")]
enum Unknown {
    A,
}

fn main() {}
