//! Types whose conversions are derived, in places and with names that an expansion could trip over.
#![deny(warnings, missing_docs, unsafe_op_in_unsafe_fn, unreachable_pub)]
#![forbid(unsafe_code)]
#![allow(dead_code)]

use ocaml_lwt_interop::convert::types::{Arguments, Body, Definition, Type};
use ocaml_lwt_interop::{FromOCaml, List, ToOCaml};
use std::collections::HashMap;

/// The descriptor, which both derives agree on.
fn definition<T: ToOCaml + FromOCaml>() -> &'static Definition {
    assert_eq!(<T as ToOCaml>::TYPE, <T as FromOCaml>::TYPE);
    match <T as ToOCaml>::TYPE {
        Type::Named(definition) => definition.get(),
        ty => panic!("{ty} is not named"),
    }
}

/// Writes a definition as OCaml does.
fn ocaml<T: ToOCaml + FromOCaml>() -> String {
    let definition = definition::<T>();
    let positional = |types: &[&Type], separator: &str| {
        let types: Vec<_> = types.iter().map(|ty| ty.to_string()).collect();
        types.join(separator)
    };
    let record = |fields: &[ocaml_lwt_interop::convert::types::Field]| {
        let fields = fields.iter().map(|field| format!("{} : {}; ", field.name, field.ty));
        format!("{{ {}}}", fields.collect::<String>())
    };
    let constructors = |all: &[ocaml_lwt_interop::convert::types::Constructor], mark: &str| {
        let all = all.iter().map(|c| match c.arguments {
            Arguments::Positional([]) => format!("{mark}{}", c.name),
            Arguments::Positional(types) => format!("{mark}{} of {}", c.name, positional(types, " & ")),
            Arguments::Record(fields) => format!("{mark}{} of {}", c.name, record(fields)),
            _ => unreachable!(),
        });
        all.collect::<Vec<_>>().join(" | ")
    };
    let body = match definition.body {
        Body::Alias(ty) => ty.to_string(),
        Body::Record(fields) => record(fields),
        Body::Variant(all) => constructors(all, ""),
        Body::PolymorphicVariant(all) => format!("[ {} ]", constructors(all, "`")),
        _ => unreachable!(),
    };
    format!("{} = {body}", definition.name.ocaml)
}

/// A person.
///
/// With a `name`.
#[derive(ToOCaml, FromOCaml)]
pub struct Person {
    /// As in the passport.
    name: String,
    age: Option<u8>,
    #[ocaml(name = "kind'")]
    kind: Vec<u8>,
    r#type: List<i64>,
    val: (),
}

#[derive(ToOCaml, FromOCaml)]
struct Point {
    x: f64,
    y: Score,
}

#[derive(ToOCaml, FromOCaml)]
struct Score(f64);

#[derive(ToOCaml, FromOCaml)]
struct Pair(Score, pub(crate) Point);

#[derive(ToOCaml, FromOCaml)]
struct Nothing;

#[derive(ToOCaml, FromOCaml)]
struct Empty {}

#[derive(ToOCaml, FromOCaml)]
struct NoComponents();

/// A tree.
#[derive(ToOCaml, FromOCaml)]
enum Tree {
    /// The end.
    Leaf,
    Node(Box<Tree>, u32, Box<Self>),
    Many { trees: List<Tree>, names: HashMap<String, (Tree, bool)> },
    NoArguments(),
    NoFields {},
}

#[derive(ToOCaml, FromOCaml)]
#[ocaml(name = "switch_state", polymorphic)]
enum Switch {
    On,
    #[ocaml(name = "off")]
    Off(bool),
    Dimmed(f64, Option<Box<Switch>>),
}

// ---- types that contain each other

#[derive(ToOCaml, FromOCaml)]
struct Block {
    statements: Vec<Statement>,
}

#[derive(ToOCaml, FromOCaml)]
enum Statement {
    Print(String),
    Loop(Option<Box<Block>>, Count),
    Call(Call),
}

/// Derives need not see that a type contains itself.
type Call = Vec<crate::Statement>;

/// The attribute is not needed, and changes nothing.
#[derive(ToOCaml, FromOCaml)]
struct Marked {
    #[ocaml(recursive)]
    score: Score,
    #[ocaml(recursive)]
    block: Block,
}

#[derive(ToOCaml, FromOCaml, PartialEq, Eq, Hash)]
struct Count(u32);

// ---- hygiene

/// Hides everything that the expansion could need.
mod hidden {
    #![allow(non_camel_case_types, unused_macros)]
    pub(crate) trait ToOCaml {}
    pub(crate) trait FromOCaml {}
    pub(crate) struct Result;
    pub(crate) struct Option;
    pub(crate) struct Type;
    pub(crate) struct Source;
    pub(crate) struct isize;
    pub(crate) struct u8;
    pub(crate) mod core {}
    pub(crate) mod std {}
    pub(crate) mod convert {}
    macro_rules! file {
        () => {};
    }
    macro_rules! line {
        () => {};
    }
    macro_rules! module_path {
        () => {};
    }
    #[allow(unused_imports)]
    pub(crate) use {file, line, module_path};

    #[derive(::ocaml_lwt_interop::ToOCaml, ::ocaml_lwt_interop::FromOCaml)]
    pub(crate) struct Locals {
        pub(crate) value: f64,
        pub(crate) writer: f64,
        pub(crate) block: f64,
        pub(crate) __ocaml_block: f64,
        pub(crate) fields: f64,
    }

    #[derive(::ocaml_lwt_interop::ToOCaml, ::ocaml_lwt_interop::FromOCaml)]
    pub(crate) enum Result_ {
        Ok,
        Err { value: bool, field_0: bool, writer: bool },
    }

    #[derive(::ocaml_lwt_interop::ToOCaml, ::ocaml_lwt_interop::FromOCaml)]
    #[ocaml(polymorphic)]
    pub(crate) enum Poly {
        Ok,
        Some(bool),
        None(bool, bool),
    }
}

macro_rules! define {
    ($name:ident { $($field:ident : $ty:ty),* }) => {
        #[derive(ToOCaml, FromOCaml)]
        struct $name { $($field: $ty),* }
    };
}
define!(FromMacro { a: u32, again: Vec<FromMacro> });

mod reexport {
    pub(crate) use ocaml_lwt_interop as renamed;
}

#[derive(ToOCaml, FromOCaml)]
#[ocaml(crate = crate::reexport::renamed)]
struct Renamed {
    children: Vec<Renamed>,
}

/// Borrows.
#[derive(ToOCaml)]
pub struct Row<'a, 'b>
where
    'a: 'b,
{
    name: &'a str,
    scores: &'b [f64],
    rows: Vec<Row<'a, 'b>>,
}

#[derive(ToOCaml, FromOCaml)]
enum WithDeprecated {
    #[deprecated]
    Old(u32),
    New,
}

#[derive(ToOCaml)]
struct Flat<'a> {
    x: &'a f64,
}

// The descriptors are constants.
const _: () = assert!(<Score as ToOCaml>::TYPE.is_float() && !<Tree as FromOCaml>::TYPE.is_float());

fn main() {
    let shown = [
        (ocaml::<Point>(), "point = { x : float; y : score; }"),
        (ocaml::<Score>(), "score = float"),
        (ocaml::<Pair>(), "pair = score * point"),
        (ocaml::<Nothing>(), "nothing = unit"),
        (ocaml::<Empty>(), "empty = unit"),
        (ocaml::<NoComponents>(), "no_components = unit"),
        (
            ocaml::<Person>(),
            "person = { name : string; age : int option; kind' : bytes; type_ : int64 list; val_ : unit; }",
        ),
        (
            ocaml::<Tree>(),
            "tree = Leaf | Node of tree & int & tree | Many of { trees : tree list; \
             names : (string * (tree * bool)) list; } | NoArguments | NoFields",
        ),
        (
            ocaml::<Switch>(),
            "switch_state = [ `On | `off of bool | `Dimmed of float * switch_state option ]",
        ),
        (ocaml::<Block>(), "block = { statements : statement array; }"),
        (
            ocaml::<Statement>(),
            "statement = Print of string | Loop of block option & count | Call of statement array",
        ),
        (ocaml::<Marked>(), "marked = { score : score; block : block; }"),
        (
            ocaml::<FromMacro>(),
            "from_macro = { a : int; again : from_macro array; }",
        ),
        (ocaml::<Renamed>(), "renamed = { children : renamed array; }"),
        (ocaml::<hidden::Poly>(), "poly = [ `Ok | `Some of bool | `None of bool * bool ]"),
        (
            ocaml::<WithDeprecated>(),
            "with_deprecated = Old of int | New",
        ),
    ];
    for (definition, text) in shown {
        assert_eq!(definition, text);
    }

    let person = definition::<Person>();
    assert_eq!(person.name.rust, "Person");
    assert_eq!(person.name.module, module_path!());
    assert!(person.place.0.ends_with("derive.rs") && person.place.1 > 1);
    assert_eq!(person.doc, "A person.\n\nWith a `name`.");
    let Body::Record([name, age, ..]) = person.body else {
        panic!("a record");
    };
    assert_eq!((name.doc, age.doc), ("As in the passport.", ""));

    let Body::Variant([leaf, node, many, ..]) = definition::<Tree>().body else {
        panic!("a variant");
    };
    assert_eq!((leaf.doc, leaf.arguments), ("The end.", Arguments::Positional(&[])));
    const TREE: &Type = <Tree as ToOCaml>::TYPE;
    assert_eq!(node.arguments, Arguments::Positional(&[TREE, &Type::Int, TREE]));
    let Arguments::Record([trees, _]) = many.arguments else {
        panic!("a record");
    };
    assert_eq!(*trees.ty, Type::List(TREE));

    let Body::Record([statements]) = definition::<Block>().body else {
        panic!("a record");
    };
    assert_eq!(*statements.ty, Type::Array(<Statement as ToOCaml>::TYPE));
    let Body::Variant([_, again, call]) = definition::<Statement>().body else {
        panic!("a variant");
    };
    const BLOCK: &Type = &Type::Option(<Block as ToOCaml>::TYPE);
    assert_eq!(again.arguments, Arguments::Positional(&[BLOCK, <Count as ToOCaml>::TYPE]));
    let Arguments::Positional([call]) = call.arguments else {
        panic!("an argument");
    };
    assert_eq!(*call, statements.ty);
    assert_eq!(<Row<'_, '_> as ToOCaml>::TYPE.to_string(), "row");
}
