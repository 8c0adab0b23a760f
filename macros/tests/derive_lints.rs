//! A crate with strict lints and `forbid(unsafe_code)`, which allow everything that the derives expand to. Most of the
//! test is that rustc and Clippy accept it.

#![forbid(unsafe_code)]
#![deny(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    unused,
    unused_qualifications,
    single_use_lifetimes,
    clippy::all,
    clippy::pedantic,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    clippy::missing_inline_in_public_items,
    clippy::absolute_paths
)]

use ocaml_lwt_interop::{FromOCaml, ToOCaml};

/// A record.
#[derive(Debug, ToOCaml, FromOCaml)]
pub struct Point {
    /// A coordinate.
    pub x: f64,
    /// Another.
    pub y: f64,
}

/// Another name.
#[derive(Debug, ToOCaml, FromOCaml)]
pub struct Id(pub u32);

/// A tuple.
#[derive(Debug, ToOCaml, FromOCaml)]
pub struct Pair(pub Id, pub Box<Point>);

/// A constant.
#[derive(Debug, ToOCaml, FromOCaml)]
pub struct Nothing;

/// A variant.
#[derive(Debug, ToOCaml, FromOCaml)]
pub enum Tree {
    /// The end.
    Leaf,
    /// A branch.
    Node(Box<Tree>, Id, Box<Self>),
    /// Named fields.
    Named {
        /// A point.
        point: Point,
    },
}

/// Constants alone.
#[derive(Debug, ToOCaml, FromOCaml)]
pub enum Colour {
    /// One.
    Red,
}

/// Arguments alone.
#[derive(Debug, ToOCaml, FromOCaml)]
pub enum Wrapped {
    /// One.
    Id(Id),
}

/// A polymorphic variant.
#[derive(Debug, ToOCaml, FromOCaml)]
#[ocaml(polymorphic)]
pub enum Switch {
    /// No argument.
    On,
    /// One.
    Off(bool),
    /// Two.
    Dimmed(f64, u8),
}

/// Borrows.
#[derive(Debug, ToOCaml)]
pub struct Row<'a> {
    /// A borrow.
    pub name: &'a str,
}

#[test]
fn both_derives_say_the_same() {
    macro_rules! same {
        ($($t:ty),+) => {
            $(assert_eq!(<$t as ToOCaml>::TYPE, <$t as FromOCaml>::TYPE);)+
        };
    }
    same!(Point, Id, Pair, Nothing, Tree, Colour, Wrapped, Switch);
    assert_eq!(<Row<'_> as ToOCaml>::TYPE.to_string(), "row");
}
