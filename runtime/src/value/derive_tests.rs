//! Values of derived types are represented as OCaml represents them.
//!
//! The digits are what `Marshal.to_string value [Marshal.No_sharing]` returns in OCaml for the value in the comment,
//! with these types:
//!
//! ```ocaml
//! type point = { x : float; y : float }
//! type person = { name : string; age : int option; at : point; type_ : int64 }
//! type tree = Leaf | Node of tree * int * tree | Empty | Many of { trees : tree list; scale : float }
//! type switch = [ `On | `off of bool | `Dimmed of float * int ]
//! type pair = float * point
//! ```

use crate::ffi::runtime::RawValue;
use crate::ffi::test_runtime::{marshal, unmarshal, with_ocaml};
use crate::ffi::token::RuntimeToken;
use crate::value::convert::to_ocaml;
use crate::value::impls::List;
use crate::value::nesting::MAX_NESTING;
use crate::value::read::Source;
use crate::value::types::{Arguments, Body, Definition, DefinitionRef, Type};
use ocaml_lwt_interop_macros::{FromOCaml, ToOCaml};
use std::fmt::Debug;

#[derive(ToOCaml, FromOCaml, Debug, PartialEq)]
#[ocaml(crate = crate)]
struct Point {
    x: f64,
    y: Score,
}

#[derive(ToOCaml, FromOCaml, Debug, PartialEq)]
#[ocaml(crate = crate)]
struct Score(f64);

#[derive(ToOCaml, FromOCaml, Debug, PartialEq)]
#[ocaml(crate = crate)]
struct Person {
    name: String,
    age: Option<u8>,
    at: Point,
    r#type: i64,
}

#[derive(ToOCaml, FromOCaml, Debug, PartialEq)]
#[ocaml(crate = crate)]
enum Tree {
    Leaf,
    Node(Box<Tree>, isize, Box<Self>),
    Empty,
    Many { trees: List<Tree>, scale: f64 },
}

#[derive(ToOCaml, FromOCaml, Debug, PartialEq)]
#[ocaml(crate = crate, polymorphic)]
enum Switch {
    On,
    #[ocaml(name = "off")]
    Off(bool),
    Dimmed(f64, u8),
}

#[derive(ToOCaml, FromOCaml, Debug, PartialEq)]
#[ocaml(crate = crate)]
struct Pair(Score, Point);

#[derive(ToOCaml, FromOCaml, Debug, PartialEq)]
#[ocaml(crate = crate)]
struct Nothing;

/// Reads a value that has just been made.
fn read<T: crate::FromOCaml>(
    token: &RuntimeToken<'_>,
    value: RawValue,
) -> Result<T, crate::ConversionError> {
    // SAFETY: the token proves the lock, and conversions do not allocate on the OCaml heap. Values are checked in
    // tests, which have debug assertions.
    T::from_ocaml(unsafe { Source::new(token, value) })
}

/// Converts a value to OCaml and back, and compares it with what OCaml has written.
fn arrives<T>(value: T, digits: &'static str)
where
    T: crate::ToOCaml + crate::FromOCaml + Debug + PartialEq + Send + 'static,
{
    with_ocaml(move |token| {
        let shown = format!("{value:?}");
        let read_value: T = read(token, unmarshal(token, digits)).unwrap();
        assert_eq!(read_value, value);
        let written = to_ocaml(token, value).unwrap().raw(token);
        // SAFETY: the value has just been read from its root, and holds data only.
        let written = unsafe { marshal(token, written) };
        assert_eq!(written, digits, "{shown}");
    });
}

/// Reads what OCaml has written, which is refused.
fn refused<T: crate::FromOCaml + Debug>(digits: &'static str) -> String {
    with_ocaml(move |token| {
        let read: Result<T, _> = read(token, unmarshal(token, digits));
        read.unwrap_err().to_string()
    })
}

fn point(x: f64, y: f64) -> Point {
    Point { x, y: Score(y) }
}

/// `{ x = 1.5; y = -2. }`
const POINT: &str = "8495a6be000000120000000000000005000000030e02000000000000f83f00000000000000c0";

/// `{ name = "Ada"; age = Some 36; at = { x = 0.; y = 1. }; type_ = 7L }`
const PERSON: &str = "8495a6be0000002500000000000000120000000fc02341646190640e020000000000000000000000000000f03f195f\
                      6a000000000000000007";

/// `Node (Leaf, 5, Node (Empty, -1, Leaf))`
const NODE: &str = "8495a6be00000008000000000000000800000008b04045b04100ff40";

/// `0`, `()`, `Leaf`
const ZERO: &str = "8495a6be0000000100000000000000000000000040";

/// `1`, `Empty`
const ONE: &str = "8495a6be0000000100000000000000000000000041";

/// `` `Dimmed (0.5, 3) ``
const DIMMED: &str = "8495a6be00000011000000000000000900000008a002edb6c1e4a00c000000000000e03f43";

#[test]
fn records() {
    arrives(point(1.5, -2.), POINT);
    arrives(
        Person {
            name: "Ada".to_owned(),
            age: Some(36),
            at: point(0., 1.),
            r#type: 7,
        },
        PERSON,
    );
}

#[test]
fn other_names_for_types() {
    arrives(
        Score(4.5),
        "8495a6be000000090000000000000003000000020c0000000000001240",
    );
    arrives(
        vec![Score(1.), Score(2.)],
        "8495a6be000000120000000000000005000000030e02000000000000f03f0000000000000040",
    );
    // `(1., { x = 2.; y = 3. })`
    arrives(
        Pair(Score(1.), point(2., 3.)),
        "8495a6be0000001c000000000000000b00000008a00c000000000000f03f0e0200000000000000400000000000000840",
    );
    arrives(Nothing, ZERO);
}

#[test]
fn variants() {
    arrives(Tree::Leaf, ZERO);
    arrives(Tree::Empty, ONE);
    let inner = Tree::Node(Box::new(Tree::Empty), -1, Box::new(Tree::Leaf));
    arrives(Tree::Node(Box::new(Tree::Leaf), 5, Box::new(inner)), NODE);
    // `Many { trees = [ Leaf; Empty ]; scale = 2.5 }`
    arrives(
        Tree::Many {
            trees: List(vec![Tree::Leaf, Tree::Empty]),
            scale: 2.5,
        },
        "8495a6be0000000f000000000000000c0000000ba1a040a041400c0000000000000440",
    );
}

#[test]
fn polymorphic_variants() {
    arrives(Switch::On, "8495a6be0000000300000000000000000000000001453f");
    // `` `off true ``
    arrives(
        Switch::Off(true),
        "8495a6be00000007000000000000000300000003a0020054936f41",
    );
    arrives(Switch::Dimmed(0.5, 3), DIMMED);
}

/// A value that no chunk can hold is built block by block.
#[test]
fn large_values_come_back() {
    with_ocaml(|token| {
        let people = || {
            let person = |i: i64| Person {
                name: i.to_string(),
                age: None,
                at: point(i as f64, 0.),
                r#type: i,
            };
            (0..10_000).map(person).collect::<Vec<_>>()
        };
        let written = to_ocaml(token, people()).unwrap();
        let read: Vec<Person> = read(token, written.raw(token)).unwrap();
        assert_eq!(read, people());
    });
}

/// A tree so many boxes deep.
fn deep(levels: u32) -> Tree {
    (0..levels).fold(Tree::Leaf, |tree, _| {
        Tree::Node(Box::new(tree), 0, Box::new(Tree::Leaf))
    })
}

#[test]
fn values_are_deep_up_to_a_limit() {
    with_ocaml(|token| {
        // Frames are larger without optimisation.
        let depth = if cfg!(debug_assertions) {
            200
        } else {
            MAX_NESTING
        };
        let written = to_ocaml(token, deep(depth)).unwrap();
        let read_tree: Tree = read(token, written.raw(token)).unwrap();
        assert_eq!(read_tree, deep(depth));
        let error = to_ocaml(token, deep(MAX_NESTING + 1)).err().unwrap();
        assert!(error.to_string().contains("levels deep"), "{error}");
    });
}

#[test]
fn other_values_are_refused() {
    if !cfg!(any(debug_assertions, feature = "checks")) {
        return;
    }
    assert_eq!(refused::<Point>(PERSON), "expected record point");
    assert_eq!(refused::<Person>(POINT), "expected record person");
    assert_eq!(refused::<Nothing>(ONE), "expected unit");
    assert_eq!(refused::<Pair>(ZERO), "expected tuple pair");
    assert_eq!(refused::<Switch>(ZERO), "expected a constructor of switch");
    // A block of tag 2.
    let tag_2 = "8495a6be0000000300000000000000020000000292406d";
    assert_eq!(refused::<Tree>(tag_2), "expected a constructor of tree");
    // `2`
    let two = "8495a6be0000000100000000000000000000000042";
    assert_eq!(refused::<Tree>(two), "expected a constructor of tree");
    // A block of tag 0 with two fields.
    assert_eq!(refused::<Tree>(DIMMED), "expected constructor Node of tree");
}

#[test]
fn an_error_says_where_it_is() {
    // `(1, Some 300)`
    let pair = "8495a6be00000006000000000000000500000005a0419001012c";
    assert_eq!(
        refused::<(u8, Option<u8>)>(pair),
        "the content of Some of component 1: 300 does not fit u8"
    );
    // `Node (Leaf, 5, Node (Empty, -1, 2))`
    let node = "8495a6be00000008000000000000000800000008b04045b04100ff42";
    assert_eq!(
        refused::<Tree>(node),
        "argument 3 of Node of argument 3 of Node: expected a constructor of tree"
    );
}

const fn definition<T: crate::ToOCaml>() -> &'static Definition {
    match T::TYPE {
        Type::Named(definition) => definition.get(),
        _ => panic!("not a definition"),
    }
}

#[test]
fn a_definition_refers_to_itself() {
    let tree = definition::<Tree>();
    assert_eq!(tree.name.module, module_path!());
    const TREE: &Type = <Tree as crate::FromOCaml>::TYPE;
    assert_eq!(TREE, &Type::Named(DefinitionRef::new(tree)));
    let Body::Variant(&[_, node, ..]) = tree.body else {
        panic!("{tree:?} is not a variant");
    };
    let arguments = Arguments::Positional(&[TREE, &Type::Int, TREE]);
    assert_eq!(node.arguments, arguments);
}

/// A module with types that contain each other in a circle, and contain `$last` at its end.
macro_rules! circle {
    ($module:ident, $last:ty) => {
        mod $module {
            use super::{Alias, FromOCaml, ToOCaml};

            #[derive(ToOCaml, FromOCaml, Debug, Clone, PartialEq)]
            #[ocaml(crate = crate)]
            pub struct Program {
                pub blocks: Vec<Block>,
            }

            #[derive(ToOCaml, FromOCaml, Debug, Clone, PartialEq)]
            #[ocaml(crate = crate)]
            pub struct Block {
                pub statements: Alias<Statement>,
            }

            #[derive(ToOCaml, FromOCaml, Debug, Clone, PartialEq)]
            #[ocaml(crate = crate)]
            pub enum Statement {
                Return(Option<Box<super::$module::Expression>>),
                Print(String),
            }

            #[derive(ToOCaml, FromOCaml, Debug, Clone, PartialEq)]
            #[ocaml(crate = crate)]
            pub struct Expression {
                pub number: $last,
                pub function: Option<Program>,
            }
        }
    };
}
type Alias<T> = Vec<Box<T>>;
circle!(circle, isize);
circle!(same, isize);
circle!(other, f64);

#[test]
fn types_contain_each_other() {
    let program = |function| circle::Program {
        blocks: vec![circle::Block {
            statements: vec![
                Box::new(circle::Statement::Print("text".to_owned())),
                Box::new(circle::Statement::Return(Some(Box::new(
                    circle::Expression {
                        number: 7,
                        function,
                    },
                )))),
            ],
        }],
    };
    let program = program(Some(program(None)));
    with_ocaml(move |token| {
        let written = to_ocaml(token, program.clone()).unwrap();
        let read: circle::Program = read(token, written.raw(token)).unwrap();
        assert_eq!(read, program);
    });
}

#[test]
fn a_hash_has_all_types_of_a_circle() {
    const HASH: u64 = definition::<circle::Program>().hash();
    assert_eq!(definition::<same::Program>().hash(), HASH);
    assert_ne!(definition::<other::Program>().hash(), HASH);
    assert_ne!(definition::<circle::Block>().hash(), HASH);
}
