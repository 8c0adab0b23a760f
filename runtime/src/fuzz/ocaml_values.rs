//! OCaml values of any shape, and the types that they are read as.

use super::arrives::arrives;
use super::choices::Choices;
use super::rust_values::{Input, Memory, Number, Person, Point, Switch, Tree};
use crate::bridge::function::{OCamlAsyncFunc, OCamlFunc};
use crate::bridge::opaque::Opaque;
use crate::bridge::promise::Promise;
use crate::domain::Domain;
use crate::ffi::root::Root;
use crate::ffi::test_values::{
    Kind, abstract_block, bigarray, block, closure, is_alike, is_same, kind, set_field,
};
use crate::ffi::token::RuntimeToken;
use crate::value::bigarray::Bigarray;
use crate::value::bytes::Bytes;
use crate::value::impls::{Char, List, Nativeint};
use crate::value::read::FromOCaml;
use crate::value::rooted::{Any, Rooted, read_root};
use crate::value::unchecked::Unchecked;
use crate::value::write::{ToOCaml, write_root};
use ocaml_lwt_interop_macros::OpaqueType;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList};
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

#[derive(Debug, OpaqueType)]
#[ocaml(crate = crate)]
struct One(#[allow(dead_code)] u8);

#[derive(Debug, OpaqueType)]
#[ocaml(crate = crate)]
struct Other(#[allow(dead_code)] u8);

/// Makes a value.
pub(super) fn choose(token: &RuntimeToken<'_>, choices: &mut Choices<'_>) -> Root {
    let mut maker = Maker {
        token,
        choices,
        made: Vec::new(),
    };
    let value = maker.value(0);
    // What is changed may be in many places, each of which has then more parts.
    if value.parts < 200 {
        maker.change_one();
    }
    value.root
}

/// A value, and the parts that a copy of it has.
struct Made {
    root: Root,
    parts: usize,
}

struct Maker<'a, 'b> {
    token: &'a RuntimeToken<'a>,
    choices: &'a mut Choices<'b>,
    /// All that has been made, for values that are part of several others.
    made: Vec<Made>,
}

/// The parts of the largest value. (What is there twice counts twice.)
const MAX_PARTS: usize = 3_000;

impl Maker<'_, '_> {
    fn value(&mut self, depth: u32) -> Made {
        let made = match self.choices.below(if depth < 40 { 16 } else { 8 }) {
            8..16 => self.parts(depth),
            leaf => {
                let before = self.choices.parts;
                let root = self.leaf(leaf);
                let parts = 1 + before - self.choices.parts;
                Made { root, parts }
            }
        };
        self.made.push(self.again(&made));
        made
    }

    fn again(&self, made: &Made) -> Made {
        Made {
            root: made.root.duplicate(self.token),
            parts: made.parts,
        }
    }

    fn write<T: ToOCaml>(&self, value: T) -> Root {
        let unit = || write_root(self.token, &()).expect("it is a number");
        write_root(self.token, &value).unwrap_or_else(|_| unit())
    }

    fn leaf(&mut self, which: usize) -> Root {
        let choices = &mut *self.choices;
        match which {
            0 => {
                let n = choices.below(6) as isize - 1;
                self.write(n)
            }
            1 => {
                let n = choices.word() as isize >> (1 + choices.below(63));
                self.write(n)
            }
            2 => {
                let f = Number::choose(choices);
                self.write(f)
            }
            3 => {
                let text = choices.text();
                self.write(text)
            }
            4 => {
                let bytes = choices.bytes();
                self.write(Bytes(bytes))
            }
            5 => {
                let n = choices.word();
                match choices.below(3) {
                    0 => self.write(n as i32),
                    1 => self.write(n as i64),
                    _ => self.write(Nativeint(n as isize)),
                }
            }
            6 => {
                let floats = choices.some(Number::choose);
                self.write(floats)
            }
            _ => self.unusual(),
        }
    }

    /// Makes what only some types are read from.
    fn unusual(&mut self) -> Root {
        let choices = &mut *self.choices;
        match choices.below(8) {
            0 => closure(self.token),
            1 => abstract_block(self.token, 1 + choices.below(3)),
            2 => self.write(Opaque::new(One(1))),
            3 => self.write(Opaque::new(Other(2))),
            4 => {
                let switch = Switch::choose(choices);
                self.write(switch)
            }
            5 => {
                let memory = Memory::choose(choices);
                self.write(memory)
            }
            6 => {
                let tree = Tree::choose(choices, 0);
                self.write(tree)
            }
            _ => {
                let which = choices.below(13);
                let is_fortran = choices.one_in(4);
                let mut size = |n| choices.below(n);
                let sizes = [size(40), size(5), size(4)];
                let dimensions = match size(4) {
                    0 => &sizes[..0],
                    1 | 2 => &sizes[..1],
                    _ => &sizes[..2 + sizes[1] % 2],
                };
                bigarray(self.token, which, is_fortran, dimensions)
            }
        }
    }

    /// Makes a value of others.
    fn parts(&mut self, depth: u32) -> Made {
        if self.choices.one_in(6) && !self.made.is_empty() {
            let i = self.choices.below(self.made.len().min(256));
            return self.again(&self.made[i]);
        }
        let repeats = match self.choices.byte() {
            n @ 250.. => 1 + usize::from(n - 250) * 120,
            _ => 1,
        };
        let count = 1 + self.choices.below(4);
        let parts: Vec<Made> = (0..count).map(|_| self.value(depth + 1)).collect();
        let size = parts.iter().map(|part| part.parts).sum::<usize>() * repeats;
        if size > MAX_PARTS {
            return parts.into_iter().next().expect("there is one at least");
        }
        let fields: Vec<&Root> = parts.iter().map(|part| &part.root).collect();
        let fields = fields.repeat(repeats);
        let root = match self.choices.below(8) {
            0 | 1 => self.list(&fields),
            2 => block(self.token, self.choices.below(12) as u8, &fields),
            // A lazy value, an object, one that has been computed, and any constructor.
            3 => {
                let any = self.choices.below(244) as u8;
                let tag = self.choices.pick(&[246, 248, 250, any]);
                block(self.token, tag, &fields)
            }
            _ => block(self.token, 0, &fields),
        };
        Made {
            root,
            parts: 1 + size,
        }
    }

    fn list(&mut self, elements: &[&Root]) -> Root {
        let end = self.choices.pick(&[0, 0, 0, 0, 0, 1, 2, 3]);
        let mut list = match end {
            2 => closure(self.token),
            n => self.write(n),
        };
        for element in elements.iter().rev() {
            list = block(self.token, 0, &[element, &list]);
        }
        list
    }

    /// Lets one field of what was made be another value, so that values can be cyclic.
    fn change_one(&mut self) {
        if self.made.is_empty() || !self.choices.one_in(8) {
            return;
        }
        let (i, j) = (self.choices.below(256), self.choices.below(256));
        let (block, value) = (
            &self.made[i % self.made.len()].root,
            &self.made[j % self.made.len()].root,
        );
        if let Kind::Block(size @ 1..) = kind(self.token, block) {
            let index = self.choices.below(size.min(256));
            set_field(self.token, block, index, value);
        }
    }
}

// ---- types

/// Reads a value and writes what was read. It is the same value if OCaml has no other that is equal to it in Rust.
fn read_and_write<T: ToOCaml + FromOCaml + Debug>(
    token: &RuntimeToken<'_>,
    root: &Root,
    choices: &mut Choices<'_>,
    is_exact: bool,
    is_equal: impl FnOnce(&T, &T) -> bool,
) {
    if let Ok(value) = read_root::<T>(token, root) {
        let written = arrives(token, &value, choices, is_equal);
        assert!(!is_exact || is_alike(token, root, &written), "{value:?}");
    }
}

/// Reads what is kept as it is, and writes it: it is the same value.
fn keep<T: ToOCaml + FromOCaml>(token: &RuntimeToken<'_>, root: &Root) {
    if let Ok(value) = read_root::<T>(token, root) {
        let back = write_root(token, &value).expect("it is kept");
        assert!(is_same(token, &back, root));
    }
}

/// Reads a value as each of many types, of which few are right. What was read arrives equal.
pub(super) fn read_as_all_types(token: &RuntimeToken<'_>, root: &Root, choices: &mut Choices<'_>) {
    macro_rules! read_and_write {
        ($is_exact:literal $($t:ty),+ $(,)?) => {
            $(read_and_write::<$t>(token, root, choices, $is_exact, PartialEq::eq);)+
        };
    }
    macro_rules! keep {
        ($($t:ty),+ $(,)?) => { $(keep::<$t>(token, root);)+ };
    }
    read_and_write!(
        true
        (), bool, isize, u8, i8, u16, i16, u32, usize, i32, i64, u64, char, Char, Nativeint, Number,
        String, Box<str>, Arc<str>, PathBuf, Vec<u8>, Bytes, bytes::Bytes, Vec<isize>, Vec<String>,
        Vec<Vec<Option<isize>>>, [isize; 2], Box<[i64]>, List<isize>, List<(String, Number)>,
        List<Point>, LinkedList<Option<i64>>, List<List<isize>>, Option<String>, Option<Option<()>>,
        Option<Number>, Result<isize, String>, Result<Point, Vec<u8>>, (isize, String),
        (Number, Number, Number), (u8, i8, u16, i16), Vec<(isize, isize)>, Point, Person, Switch, Memory,
        Vec<Person>, List<Switch>,
    );
    // A tuple of floats is no array of floats, but is read as one. Entries of maps are sorted, and times rounded.
    read_and_write!(
        false
        Vec<Number>, HashMap<String, isize>, BTreeMap<isize, Vec<Number>>, HashSet<u8>, BTreeSet<String>,
        Tree, Input, Vec<Tree>, Option<Tree>, Duration, SystemTime,
    );
    read_and_write::<f64>(token, root, choices, true, |a, b| {
        a.to_bits() == b.to_bits()
    });
    read_and_write::<f32>(token, root, choices, false, |a, b| {
        a.to_bits() == b.to_bits()
    });
    keep!(
        Rooted<Any>, Rooted<isize>, Rooted<Number>, Rooted<Tree>, Unchecked<String>, Promise<isize>,
        OCamlFunc<(isize,), isize>, OCamlAsyncFunc<(isize,), isize>, Bigarray<i8>, Bigarray<u8>,
        Bigarray<i16>, Bigarray<u16>, Bigarray<i32>, Bigarray<i64>, Bigarray<isize>, Bigarray<f32>,
        Bigarray<f64>,
    );
    // A part of what is kept is read and written like all else, and an array of floats has parts of its own.
    for kept in read_root::<Vec<Rooted<Any>>>(token, root)
        .iter()
        .flatten()
        .take(9)
    {
        let _ = read_root::<Number>(token, kept.root());
    }
    let _ = read_root::<Vec<Promise<isize>>>(token, root);
    let _ = read_root::<List<OCamlFunc<(), ()>>>(token, root);
    let _ = read_root::<Opaque<One>>(token, root);
    let _ = read_root::<Vec<Opaque<Other>>>(token, root);
    let _ = read_root::<Domain>(token, root);
}
