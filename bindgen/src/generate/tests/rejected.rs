//! What cannot be declared, and the errors.

use super::*;
use crate::model::{Argument, Definition, Function, Label};

fn rejected(exports: &Exports, options: &Options) -> String {
    match Declarations::new(exports, "libshapes.a", options) {
        Ok(declarations) => panic!("accepted:\n{}", declarations.text(File::Mli)),
        Err(error) => error.to_string(),
    }
}

fn rejected_types(definitions: impl IntoIterator<Item = Definition>) -> String {
    rejected(&exports(definitions, [], []), &Options::default())
}

fn rejected_functions(functions: impl IntoIterator<Item = Function>) -> String {
    rejected(&exports([], [], functions), &Options::default())
}

fn unit(path: &str, name: &str, line: u32) -> Definition {
    definition(path, name, line, Body::Alias(Type::Unit))
}

#[test]
fn an_archive_without_exports() {
    assert_eq!(
        rejected(&Exports::default(), &Options::default()),
        "libshapes.a exports no functions: is the crate that has `#[func]`s linked into it? A crate that the \
         archive's crate depends on is, with `ocaml_lwt_interop::export!(that_crate);`"
    );
}

#[test]
fn crates_that_are_not_there() {
    let exports = exports([unit("a::A", "a", 1), unit("b::B", "b", 1)], [], []);
    assert_eq!(
        rejected(&exports, &options(&["c"], &[])),
        "libshapes.a exports nothing of a crate `c`, only of `a`, `b`: correct --declare"
    );
    assert_eq!(
        rejected(&exports, &options(&["a"], &[("a", "A")])),
        "the crate `a` is in --declare and in --extern: its types are either declared here, or found in another module"
    );
}

#[test]
fn a_type_without_a_definition() {
    let error = rejected_functions([function(
        "area",
        12,
        vec![argument(
            "shape",
            Type::List(Box::new(named("other::Shape"))),
        )],
        Type::Float,
    )]);
    assert_eq!(
        error,
        "src/lib.rs:12: the function `area` mentions the Rust type other::Shape, which libshapes.a does not define: the \
         crate `other` has to be linked into it, with `ocaml_lwt_interop::export!(other);` in the crate of the archive, \
         and built with the same version of ocaml-lwt-interop"
    );
    let error = rejected_types([definition(
        "shapes::A",
        "a",
        3,
        Body::Alias(named("other::Shape")),
    )]);
    assert!(error.starts_with("src/lib.rs:3: the type `A` mentions the Rust type other::Shape, "));
}

#[test]
fn two_items_of_one_name() {
    assert_eq!(
        rejected_types([
            unit("a::x::Point", "point", 1),
            unit("b::Point", "point", 2)
        ]),
        "two types are `point` in OCaml: a::x::Point (src/lib.rs:1) and b::Point (src/lib.rs:2): set another name for \
         one of them with #[ocaml(name = \"...\")], or write declarations for each crate alone, with --declare"
    );
    assert_eq!(
        rejected_functions([
            function("open", 1, vec![], Type::Unit),
            function("Open_", 2, vec![], Type::Unit)
        ]),
        "two functions are `open_` in OCaml: shapes::open (src/lib.rs:1) and shapes::Open_ (src/lib.rs:2): give one of \
         the Rust functions another name"
    );
    let error = rejected(
        &exports(
            [],
            [
                exceptions("a::A", 1, vec![constant("Closed")]),
                exceptions("b::B", 2, vec![constant("Closed")]),
            ],
            [],
        ),
        &Options::default(),
    );
    assert!(error.starts_with(
        "two exceptions are `Closed` in OCaml: one of a::A (src/lib.rs:1) and one of b::B (src/lib.rs:2): set another"
    ));
    let elsewhere = Function {
        module: "b".into(),
        ..method("last", 2, vec![], Type::Unit)
    };
    assert_eq!(
        rejected_functions([elsewhere, method("next", 1, vec![], Type::Unit)]),
        "two modules are `Counter` in OCaml: that of b::Counter (src/lib.rs:2) and that of shapes::Counter \
         (src/lib.rs:1): give one of the Rust types another name, or write declarations for each crate alone, with \
         --declare"
    );
}

#[test]
fn names_that_ocaml_does_not_allow() {
    assert_eq!(
        rejected_functions([function("größe", 1, vec![], Type::Unit)]),
        "src/lib.rs:1: the function `größe` has the name `größe`, which OCaml does not allow: give the Rust function \
         another, of ASCII letters, digits and `_`"
    );
    let label = Argument {
        label: Label::Labelled("é".into()),
        ..argument("é", Type::Int)
    };
    assert_eq!(
        rejected_functions([function("f", 1, vec![label], Type::Unit)]),
        "src/lib.rs:1: a label of the function `f` has the name `é`, which OCaml does not allow: set another with \
         #[ocaml(label = \"...\")], of ASCII letters, digits and `_`"
    );
    let variant = |name: &str| Body::Variant(vec![constant(name)]);
    let error = rejected_types([definition("shapes::A", "a", 1, variant("Été"))]);
    assert!(error.starts_with("src/lib.rs:1: a constructor of the type `A` has the name `Été`, "));
    let record = Body::Record(vec![field("1", Type::Int)]);
    let error = rejected_types([definition("shapes::A", "a", 1, record)]);
    assert!(error.starts_with("src/lib.rs:1: a field of the type `A` has the name `1`, "));
    let module = Function {
        owner: "counter".into(),
        ..method("next", 1, vec![], Type::Unit)
    };
    let error = rejected_functions([module]);
    assert!(error.starts_with(
        "src/lib.rs:1: the module of the function `Counter::next` has the name `counter`, "
    ));
}

#[test]
fn names_that_others_need() {
    assert_eq!(
        rejected_types([unit("shapes::List", "list", 1)]),
        "src/lib.rs:1: the type `list` would hide the one that OCaml has: set another name with #[ocaml(name = \"...\")]"
    );
    let lwt = Function {
        owner: "Lwt".into(),
        ..method("next", 1, vec![], Type::Unit)
    };
    assert_eq!(
        rejected_functions([lwt]),
        "src/lib.rs:1: the module `Lwt` would hide one that other declarations need: give the Rust type another name"
    );
    let shapes = Function {
        owner: "Shapes".into(),
        ..method(
            "next",
            1,
            vec![argument("a", named("other::A"))],
            Type::Unit,
        )
    };
    let with_extern = exports([unit("other::A", "a", 1)], [], [shapes]);
    let error = rejected(&with_extern, &options(&[], &[("other", "Shapes.Inner")]));
    assert!(error.starts_with(
        "src/lib.rs:1: the module `Shapes` would hide one that other declarations need"
    ));
    let hidden = exports(
        [
            definition("shapes::Counter", "counter", 1, Body::Abstract),
            unit("shapes::T", "t", 2),
        ],
        [],
        [method("next", 3, vec![], named("shapes::T"))],
    );
    assert_eq!(
        rejected(&hidden, &Options::default()),
        "src/lib.rs:2: the type `t` has the name of the type of the module `Counter`, whose functions mention it: set \
         another name with #[ocaml(name = \"...\")]"
    );
}

#[test]
fn abbreviations_of_themselves() {
    assert_eq!(
        rejected_types([
            definition(
                "shapes::A",
                "a",
                1,
                Body::Alias(Type::Array(Box::new(named("shapes::B"))))
            ),
            definition(
                "shapes::B",
                "b",
                2,
                Body::Alias(Type::Option(Box::new(named("shapes::A"))))
            ),
        ]),
        "src/lib.rs:1: the type `a` is an abbreviation that contains itself, which OCaml does not allow: make it a \
         struct with named fields, or an enum"
    );
}

#[test]
fn descriptors_that_contradict_themselves() {
    let optional = Argument {
        label: Label::Optional("port".into()),
        ..argument("port", Type::Int)
    };
    assert_eq!(
        rejected_functions([function("f", 1, vec![optional], Type::Unit)]),
        "src/lib.rs:1: the function `f`: the argument `port` is optional, but its type is no `Option`: build the crate \
         with the version of ocaml-lwt-interop that this program belongs to"
    );
    let constructor = constructor("A", Arguments::Record(vec![field("x", Type::Int)]));
    let error = rejected_types([definition(
        "shapes::A",
        "a",
        1,
        Body::Polymorphic(vec![constructor]),
    )]);
    assert!(error.contains("the constructor `A` of a polymorphic variant has named fields"));
    let error = rejected_types([definition(
        "shapes::A",
        "a",
        1,
        Body::Polymorphic(Vec::new()),
    )]);
    assert!(
        error.contains("the type `A`: it is a variant without constructors"),
        "{error}"
    );
}
