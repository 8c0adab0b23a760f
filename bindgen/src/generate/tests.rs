//! Tests of whole files.

mod every_type;
mod rejected;
mod selected;

use super::*;
use crate::model::{Arguments, Body, Exports, Type};
use crate::testing::{
    argument, assert_golden, constant, constructor, definition, exceptions, exports, field,
    function, method, named, ocaml,
};

fn generated(exports: &Exports, options: &Options, file: File) -> String {
    match Declarations::new(exports, "libshapes.a", options) {
        Ok(declarations) => declarations.text(file),
        Err(error) => panic!("{error}"),
    }
}

fn mli(exports: &Exports) -> String {
    generated(exports, &Options::default(), File::Mli)
}

fn options(crates: &[&str], externs: &[(&str, &str)]) -> Options {
    let externs = externs
        .iter()
        .map(|&(krate, module)| (krate.into(), module.into()));
    Options {
        crates: crates.iter().map(|&name| name.into()).collect(),
        externs: externs.collect(),
        trusts_externs: false,
    }
}

/// Returns the text without the comment of the first line.
fn items(text: &str) -> &str {
    text.split_once("\n\n").expect("a comment and items").1
}

#[test]
fn the_same_exports_are_the_same_text_whatever_their_order() {
    let exports = every_type::exports();
    let mut reversed = exports.clone();
    reversed.functions.reverse();
    reversed.exceptions.reverse();
    for file in [File::Mli, File::Ml, File::DocumentedMl] {
        let options = Options::default();
        assert_eq!(
            generated(&exports, &options, file),
            generated(&reversed, &options, file)
        );
    }
}

#[test]
fn long_items_are_broken_as_ocamlformat_breaks_them() {
    let wide = Type::Result(
        Box::new(Type::List(Box::new(Type::Tuple(vec![
            Type::String,
            Type::Int,
        ])))),
        Box::new(Type::String),
    );
    let types = |n: usize| vec![wide.clone(); n];
    let arguments = |n| types(n).into_iter().map(|ty| argument("", ty)).collect();
    let long = exports(
        [
            definition("shapes::A", "a", 1, Body::Alias(Type::Tuple(types(3)))),
            definition(
                "shapes::B",
                "b",
                2,
                Body::Alias(Type::Function(types(3), Box::new(Type::Unit))),
            ),
            definition(
                "shapes::C",
                "c",
                3,
                Body::Variant(vec![
                    constant("None_at_all"),
                    constructor("Many", Arguments::Positional(types(3))),
                    constructor(
                        "Fields",
                        Arguments::Record(vec![
                            field("first", wide.clone()),
                            field("second", wide.clone()),
                        ]),
                    ),
                ]),
            ),
            definition(
                "shapes::D",
                "d",
                4,
                Body::Polymorphic(vec![
                    constructor("First", Arguments::Positional(types(1))),
                    constructor("Second", Arguments::Positional(types(1))),
                ]),
            ),
        ],
        [exceptions(
            "shapes::E",
            5,
            vec![
                constructor("Many", Arguments::Positional(types(3))),
                constructor(
                    "Fields",
                    Arguments::Record(vec![
                        field("first", wide.clone()),
                        field("second", wide.clone()),
                    ]),
                ),
            ],
        )],
        [
            function("two", 6, arguments(1), Type::Unit),
            function("three", 7, arguments(2), Type::Unit),
            function(
                "a_name_that_takes_most_of_the_line_for_itself",
                8,
                arguments(1),
                Type::Unit,
            ),
            function("many", 9, arguments(6), Type::Unit),
            function(
                "a_name_that_is_so_long_that_two_symbols_with_it_do_not_fit_on_one_line",
                10,
                arguments(6),
                Type::Unit,
            ),
        ],
    );
    assert_golden("long.mli", &mli(&long));
}

#[test]
fn functions_and_constructors_are_arguments_as_they_are_written() {
    let function_type = || Type::Function(vec![Type::Int], Box::new(Type::Int));
    let pair = || Type::Tuple(vec![Type::Int, Type::Int]);
    let exports = exports(
        [
            definition(
                "shapes::A",
                "a",
                1,
                Body::Variant(vec![
                    constructor("Pair", Arguments::Positional(vec![pair()])),
                    constructor("Two", Arguments::Positional(vec![Type::Int, pair()])),
                    constructor("Call", Arguments::Positional(vec![function_type()])),
                ]),
            ),
            definition(
                "shapes::B",
                "b",
                2,
                Body::Polymorphic(vec![
                    constructor("Pair", Arguments::Positional(vec![pair()])),
                    constructor("Two", Arguments::Positional(vec![Type::Int, pair()])),
                    constructor("Call", Arguments::Positional(vec![function_type()])),
                ]),
            ),
        ],
        [],
        [
            function(
                "call",
                3,
                vec![argument("f", function_type())],
                function_type(),
            ),
            function(
                "call_result",
                4,
                vec![],
                Type::Promise(Box::new(function_type())),
            ),
        ],
    );
    let expected = "\
type a = Pair of (int * int) | Two of int * (int * int) | Call of (int -> int)
type b =
  [ `Pair of int * int
  | `Two of int * (int * int)
  | `Call of (int -> int) ]
type call_result = int -> int
external call : (int -> int) -> call_result = \"call__s17446744073709551615\"
external call_result : unit -> (int -> int) Lwt.t
  = \"call_result__s17446744073709551615\"
";
    let text = generated(&exports, &Options::default(), File::Ml);
    assert_eq!(items(&text).replace("\n\n", "\n"), expected);
}

#[test]
fn a_registered_exception_is_the_one_that_register_exception_registers() {
    let Some(workspace) = ocaml::Workspace::new("a_registered_exception") else {
        return;
    };
    let exports = exports(
        [definition(
            "shapes::Door",
            "door",
            1,
            Body::Variant(vec![constant("Open"), constant("Closed")]),
        )],
        [exceptions(
            "shapes::Refused",
            2,
            vec![
                constant("Closed"),
                constructor("Not_enough", Arguments::Positional(vec![Type::Int])),
                constructor(
                    "Limit",
                    Arguments::Record(vec![field("name", Type::String)]),
                ),
            ],
        )],
        [],
    );
    let options = Options::default();
    workspace.compile(
        &generated(&exports, &options, File::Mli),
        &generated(&exports, &options, File::Ml),
    );
    workspace.write(
        "main.ml",
        r#"
open Declarations
external named : string -> Obj.t = "named"
let () =
  Callback.register_exception "Closed" (Closed : exn);
  Callback.register_exception "Not_enough" (Not_enough 0);
  Callback.register_exception "Limit" (Limit { name = "" });
  assert (named "shapes.Closed" == named "Closed");
  assert (named "shapes.Not_enough" == named "Not_enough");
  assert (named "shapes.Limit" == named "Limit")
"#,
    );
    workspace.write(
        "named.c",
        "#include <caml/mlvalues.h>\n#include <caml/callback.h>\n\
         value named(value name) { return *caml_named_value(String_val(name)); }\n",
    );
    workspace.ocamlopt(&["declarations.cmx", "named.c", "main.ml", "-o", "main"]);
    workspace.run("./main", &[]);
}
