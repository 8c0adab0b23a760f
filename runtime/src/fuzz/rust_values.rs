//! Rust values of all kinds of types.

use super::choices::Choices;
use crate::value::bigarray::Bigarray;
use crate::value::bytes::Bytes;
use crate::value::impls::{Char, List, Nativeint};
use ocaml_lwt_interop_macros::{FromOCaml, ToOCaml};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

/// A number that is compared bit for bit.
#[derive(Debug, Clone, Copy, FromOCaml, ToOCaml)]
#[ocaml(crate = crate)]
pub(super) struct Number(pub(super) f64);

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Number {
    pub(super) fn choose(choices: &mut Choices<'_>) -> Self {
        Number(match choices.below(12) {
            0 => 0.0,
            1 => -0.0,
            2 => f64::NAN,
            3 => f64::INFINITY,
            4 => f64::NEG_INFINITY,
            5 => f64::from_bits(1),
            6 => f64::MAX,
            7 => f64::from(choices.byte()),
            8 => f64::from(choices.byte()) / -64.0,
            _ => f64::from_bits(choices.word()),
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, FromOCaml, ToOCaml)]
#[ocaml(crate = crate)]
pub(super) struct Point {
    x: Number,
    y: Number,
}

impl Point {
    pub(super) fn choose(choices: &mut Choices<'_>) -> Self {
        Point {
            x: Number::choose(choices),
            y: Number::choose(choices),
        }
    }
}

#[derive(Debug, Clone, PartialEq, FromOCaml, ToOCaml)]
#[ocaml(crate = crate)]
pub(super) struct Person {
    name: String,
    age: Option<u8>,
    at: Point,
    id: i64,
    rest: (i32, Nativeint, char, Char, bool, ()),
}

impl Person {
    pub(super) fn choose(choices: &mut Choices<'_>) -> Self {
        Person {
            name: choices.text(),
            age: choices.one_in(2).then(|| choices.byte()),
            at: Point::choose(choices),
            id: choices.word() as i64,
            rest: (
                choices.word() as i32,
                Nativeint(choices.word() as isize),
                char::from_u32(choices.word() as u32 % 0x11_0000).unwrap_or('?'),
                Char(choices.byte()),
                choices.one_in(2),
                (),
            ),
        }
    }
}

#[derive(Debug, Clone, PartialEq, FromOCaml, ToOCaml)]
#[ocaml(crate = crate, polymorphic)]
pub(super) enum Switch {
    On,
    Off,
    Dimmed(Number, u8),
    At(Point),
    Named(String),
}

impl Switch {
    pub(super) fn choose(choices: &mut Choices<'_>) -> Self {
        match choices.below(5) {
            0 => Switch::On,
            1 => Switch::Off,
            2 => Switch::Dimmed(Number::choose(choices), choices.byte()),
            3 => Switch::At(Point::choose(choices)),
            _ => Switch::Named(choices.text()),
        }
    }
}

macro_rules! memory {
    ($($kind:ident $t:ty: |$choices:ident| $choose:expr),+ $(,)?) => {
        /// A Bigarray of any kind.
        #[derive(Debug, Clone, FromOCaml, ToOCaml)]
        #[ocaml(crate = crate)]
        pub(super) enum Memory {
            $($kind(Bigarray<$t>)),+
        }

        impl PartialEq for Memory {
            fn eq(&self, other: &Self) -> bool {
                match (self, other) {
                    $((Memory::$kind(a), Memory::$kind(b)) => {
                        let bytes = |array: &Bigarray<$t>| -> Vec<_> {
                            array.to_vec().into_iter().map(<$t>::to_ne_bytes).collect()
                        };
                        bytes(a) == bytes(b)
                    })+
                    _ => false,
                }
            }
        }

        impl Memory {
            pub(super) fn choose(choices: &mut Choices<'_>) -> Self {
                let choose: &[fn(&mut Choices<'_>) -> Memory] = &[
                    $(|choices| Memory::$kind(choices.some(|$choices| $choose).into())),+
                ];
                choices.pick(choose)(choices)
            }
        }
    };
}

memory!(
    Int8 i8: |c| c.byte() as i8,
    Byte u8: |c| c.byte(),
    Int16 i16: |c| c.word() as i16,
    Uint16 u16: |c| c.word() as u16,
    Int32 i32: |c| c.word() as i32,
    Int64 i64: |c| c.word() as i64,
    Native isize: |c| c.word() as isize,
    Float32 f32: |c| f32::from_bits(c.word() as u32),
    Float64 f64: |c| Number::choose(c).0,
);

/// A recursive type.
#[derive(Debug, Clone, PartialEq, FromOCaml, ToOCaml)]
#[ocaml(crate = crate)]
pub(super) enum Tree {
    Empty,
    Leaf(isize),
    Node(Box<Tree>, Number, Box<Tree>),
    Many { trees: List<Tree>, scale: Number },
    Array(Vec<Tree>),
    Map(BTreeMap<String, Tree>),
    Maybe(Option<Box<Tree>>),
    None,
    Person(Box<Person>),
    People(Vec<Person>),
    Switches(List<Switch>),
    Points(Vec<Point>, List<Point>),
    Floats(Vec<Number>),
    Numbers(Vec<isize>, List<u64>),
    Small(u8, i8, u16, i16, u32, usize),
    Bytes(Vec<u8>, Bytes, bytes::Bytes),
    Path(PathBuf, Box<str>),
    Results(Vec<Result<i64, List<String>>>),
    Options(Option<Option<()>>, [bool; 3]),
    Set(BTreeSet<isize>),
    Memory(Memory),
}

impl Tree {
    pub(super) fn choose(choices: &mut Choices<'_>, depth: u32) -> Self {
        let boxed = |choices: &mut Choices<'_>| Box::new(Tree::choose(choices, depth + 1));
        let trees = |choices: &mut Choices<'_>| choices.some(|c| Tree::choose(c, depth + 1));
        if depth > ALWAYS_FITS {
            choices.may_be_refused = true;
        }
        match choices.below(if depth < 1_100 { 20 } else { 14 }) {
            0 => choices.pick(&[Tree::Empty, Tree::None, Tree::Maybe(None)]),
            1 => Tree::Leaf(int(choices)),
            2 => Tree::Person(Box::new(Person::choose(choices))),
            3 => Tree::People(choices.some(Person::choose)),
            4 => Tree::Switches(List(choices.some(Switch::choose))),
            5 => Tree::Points(
                choices.some(Point::choose),
                List(choices.some(Point::choose)),
            ),
            6 => Tree::Floats(choices.some(Number::choose)),
            7 => Tree::Numbers(choices.some(int), List(choices.some(|c| c.word() >> 1))),
            8 => Tree::Small(
                choices.byte(),
                choices.byte() as i8,
                choices.word() as u16,
                choices.word() as i16,
                choices.word() as u32,
                choices.word() as usize >> 2,
            ),
            9 => Tree::Bytes(
                choices.bytes(),
                Bytes(choices.bytes()),
                choices.bytes().into(),
            ),
            10 => Tree::Path(
                Bytes(choices.bytes()).into(),
                choices.text().into_boxed_str(),
            ),
            11 => Tree::Results(choices.some(|c| match c.one_in(2) {
                true => Err(List(c.some(Choices::text))),
                false => Ok(c.word() as i64),
            })),
            12 => match choices.one_in(2) {
                true => Tree::Options(
                    choices.pick(&[None, Some(None), Some(Some(()))]),
                    [choices.one_in(2), true, false],
                ),
                false => Tree::Set(choices.some(int).into_iter().collect()),
            },
            13 => Tree::Memory(Memory::choose(choices)),
            14 => Tree::Node(boxed(choices), Number::choose(choices), boxed(choices)),
            15 => Tree::Many {
                trees: List(trees(choices)),
                scale: Number::choose(choices),
            },
            16 => Tree::Array(trees(choices)),
            17 => {
                let trees = trees(choices).into_iter().enumerate();
                Tree::Map(trees.map(|(i, tree)| (i.to_string(), tree)).collect())
            }
            18 => Tree::Maybe(Some(boxed(choices))),
            _ => Tree::Node(boxed(choices), Number(0.0), Box::new(Tree::Empty)),
        }
    }
}

/// How deep trees can be in any build: without optimisation, conversions take more stack.
const ALWAYS_FITS: u32 = 20;

/// An `int`, or rarely a number that is none.
fn int(choices: &mut Choices<'_>) -> isize {
    match choices.below(9) {
        n @ 0..4 => n as isize - 1,
        4 => isize::from(choices.byte()),
        5 => isize::MAX >> 1,
        6 => isize::MIN >> 1,
        7 => choices.word() as isize >> 1,
        _ => match choices.one_in(16) {
            true => {
                choices.may_be_refused = true;
                choices.pick(&[isize::MAX, isize::MIN, 1 << 62])
            }
            false => choices.word() as isize >> 1,
        },
    }
}

/// What a target converts.
#[derive(Debug, Clone, PartialEq, FromOCaml, ToOCaml)]
#[ocaml(crate = crate)]
pub(super) struct Input {
    tree: Tree,
    numbers: HashMap<isize, Tree>,
    texts: HashSet<String>,
}

impl Input {
    pub(super) fn choose(choices: &mut Choices<'_>) -> Self {
        let tree = Tree::choose(choices, 0);
        let trees = choices.some(|c| (int(c), Tree::choose(c, 0)));
        Input {
            tree,
            numbers: trees.into_iter().collect(),
            texts: choices.some(Choices::text).into_iter().collect(),
        }
    }
}
