//! Names that OCaml does not allow, or that are there twice.
#![allow(non_snake_case, non_camel_case_types)]
use ocaml_lwt_interop::{FromOCaml, ToOCaml};

#[derive(ToOCaml)]
#[ocaml(name = "Upper")]
struct Given {
    #[ocaml(name = "type")]
    kind: u8,
    #[ocaml(name = "a b")]
    ab: u8,
}

#[derive(FromOCaml)]
struct List {
    X: u8,
}

#[derive(FromOCaml)]
#[ocaml(name = "int")]
struct Int(u8);

#[derive(ToOCaml)]
enum Größe {
    lower,
    #[ocaml(name = "`A")]
    A,
}

#[derive(ToOCaml)]
struct Twice {
    r#type: u8,
    #[ocaml(name = "type_")]
    kind: u8,
}

#[derive(ToOCaml)]
enum TwiceToo {
    A,
    #[ocaml(name = "A")]
    B(u8),
}

#[derive(ToOCaml)]
#[ocaml(polymorphic)]
enum Hashes {
    Bbjigeig,
    Abztdzhr,
    #[ocaml(name = "with")]
    With,
}

fn main() {}
