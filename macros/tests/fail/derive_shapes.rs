//! Types without an equal in OCaml.
use ocaml_lwt_interop::{FromOCaml, ToOCaml};

#[derive(ToOCaml)]
union Union {
    a: u32,
    b: f32,
}

#[derive(FromOCaml)]
enum Never {}

#[derive(ToOCaml)]
#[ocaml(polymorphic)]
enum Polymorphic {
    Fine,
    Named { a: u8 },
    Nine(u8, u8, u8, u8, u8, u8, u8, u8, u8),
}

#[derive(ToOCaml)]
struct Cyclic(Vec<Cyclic>);

#[derive(ToOCaml)]
struct CyclicPair(u8, Option<Box<Self>>);

fn main() {}
