//! `--declare` and `--extern`.

use super::*;
use crate::model::Function;

fn two_crates() -> Exports {
    exports(
        [
            definition(
                "shapes::Point",
                "point",
                1,
                Body::Record(vec![field("x", Type::Float)]),
            ),
            definition(
                "shapes::Line",
                "line",
                2,
                Body::Alias(Type::Tuple(vec![named("shapes::Point"); 2])),
            ),
            definition("shapes::Unused", "unused", 3, Body::Abstract),
            definition(
                "my_editor::Cursor",
                "cursor",
                1,
                Body::Alias(named("shapes::Line")),
            ),
            definition("my_editor::Unused", "unused_here", 2, Body::Abstract),
        ],
        [exceptions("shapes::Bad", 4, vec![constant("Bad")])],
        [
            function(
                "draw",
                5,
                vec![argument("line", named("shapes::Line"))],
                Type::Unit,
            ),
            Function {
                module: "my_editor::cursors".into(),
                ..function("cursor", 3, vec![], named("my_editor::Cursor"))
            },
        ],
    )
}

#[test]
fn all_crates_are_declared_without_options() {
    let text = mli(&two_crates());
    assert_eq!(
        items(&text).replace("\n\n", "\n"),
        "\
type point = { x : float } [@@boxed]
type line = point * point
type cursor = line
type unused_here
type unused
exception Bad
external cursor : unit -> cursor = \"cursor__s17446744073709551615\"
external draw : line -> unit = \"draw__s17446744073709551615\"
"
    );
}

#[test]
fn a_crate_is_declared_with_the_types_of_others_that_it_mentions() {
    let text = generated(&two_crates(), &options(&["my_editor"], &[]), File::Mli);
    assert_eq!(
        items(&text).replace("\n\n", "\n"),
        "\
type point = { x : float } [@@boxed]
type line = point * point
type cursor = line
type unused_here
external cursor : unit -> cursor = \"cursor__s17446744073709551615\"
"
    );
}

#[test]
fn types_of_another_crate_are_in_the_module_that_is_given() {
    for options in [
        options(&["my_editor"], &[("shapes", "Geometry.Shapes")]),
        options(&[], &[("shapes", "Geometry.Shapes")]),
    ] {
        let text = generated(&two_crates(), &options, File::Mli);
        assert_eq!(
            items(&text).replace("\n\n", "\n"),
            "\
type cursor = Geometry.Shapes.line
type unused_here
external cursor : unit -> cursor = \"cursor__s17446744073709551615\"
"
        );
    }
}

#[test]
fn ocaml_compares_the_types_of_another_module() {
    let options = options(&[], &[("shapes", "Geometry.Shapes")]);
    let text = generated(&two_crates(), &options, File::Ml);
    assert_eq!(
        items(&text),
        "\
type cursor = Geometry.Shapes.line
type unused_here

let _ : Geometry.Shapes.line -> (Geometry.Shapes.point * Geometry.Shapes.point) = fun x -> x

module _ = struct
  [@@@ocaml.warning \"-34-37-69\"]

  type t = Geometry.Shapes.point = { x : float } [@@boxed]
end

external cursor : unit -> cursor = \"cursor__s17446744073709551615\"
"
    );
}

#[test]
fn a_type_may_have_the_name_of_a_modules_type() {
    let one = exports(
        [definition("shapes::a::Counter", "t", 1, Body::Abstract)],
        [],
        [method(
            "next",
            2,
            vec![argument("self", named("shapes::a::Counter"))],
            Type::Unit,
        )],
    );
    let text = mli(&one);
    assert!(
        text.contains("  type nonrec t = t\n"),
        "a cyclic type in {text}"
    );
}

#[test]
fn a_module_has_the_type_of_its_crate() {
    let two = exports(
        [
            definition("shapes::a::Counter", "counter", 1, Body::Abstract),
            definition("other::Counter", "other_counter", 1, Body::Abstract),
        ],
        [],
        [method(
            "next",
            2,
            vec![argument("self", named("shapes::a::Counter"))],
            named("other::Counter"),
        )],
    );
    assert_eq!(
        items(&mli(&two)),
        "\
type other_counter
type counter

module Counter : sig
  type t = counter

  external next : t -> other_counter = \"counter_next__s17446744073709551615\"
end
"
    );
}
