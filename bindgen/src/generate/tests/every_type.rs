//! A crate with every kind of type and function, and the files for it.

use super::*;
use crate::model::{Argument, Definition, Exceptions, Field, Function, Kind, Label, Mode};

const KINDS: [Kind; 9] = [
    Kind::Int8Signed,
    Kind::Int8Unsigned,
    Kind::Int16Signed,
    Kind::Int16Unsigned,
    Kind::Int32,
    Kind::Int64,
    Kind::Nativeint,
    Kind::Float32,
    Kind::Float64,
];

fn list(ty: Type) -> Type {
    Type::List(Box::new(ty))
}

fn option(ty: Type) -> Type {
    Type::Option(Box::new(ty))
}

fn promise(ty: Type) -> Type {
    Type::Promise(Box::new(ty))
}

fn documented(doc: &str, mut definition: Definition) -> Definition {
    definition.doc = doc.into();
    definition
}

fn definitions() -> Vec<Definition> {
    let doc_field = |doc: &str, name: &str, ty| Field {
        doc: doc.into(),
        ..field(name, ty)
    };
    let mut shape = vec![
        constant("Nothing"),
        constructor("Dot", Arguments::Positional(vec![named("shapes::Point")])),
        constructor(
            "Circle",
            Arguments::Positional(vec![named("shapes::Point"), Type::Float]),
        ),
        constructor(
            "Polygon",
            Arguments::Record(vec![
                field("points", Type::Array(Box::new(named("shapes::Point")))),
                doc_field(
                    "Whether the last point is joined to the first.",
                    "closed",
                    Type::Bool,
                ),
            ]),
        ),
        constructor(
            "Group",
            Arguments::Positional(vec![Type::Array(Box::new(named("shapes::Shape")))]),
        ),
    ];
    shape[0].doc = "There is nothing to see, whatever the place, and this is said in a text that needs two lines.".into();
    shape[1].doc = "A `Point`.".into();
    vec![
        documented(
            "A place in the plane.\n\nBoth coordinates are in [metres](https://en.wikipedia.org/wiki/Metre).",
            definition(
                "shapes::Point",
                "point",
                10,
                Body::Record(vec![field("x", Type::Float), field("y", Type::Float)]),
            ),
        ),
        documented(
            "A shape.",
            definition("shapes::Shape", "shape", 20, Body::Variant(shape)),
        ),
        documented(
            "A row of a table.",
            definition(
                "shapes::Row",
                "row",
                30,
                Body::Record(vec![
                    doc_field("Its number.", "id", Type::Int),
                    field("type", Type::String),
                    doc_field(
                        "What it has, which may be nothing at all: then it is not shown, unless it is the only one.",
                        "content",
                        option(named("shapes::inner::Content")),
                    ),
                ]),
            ),
        ),
        definition(
            "shapes::inner::Content",
            "content",
            40,
            Body::Polymorphic(vec![
                constant("Empty"),
                constructor("Text", Arguments::Positional(vec![Type::String])),
            ]),
        ),
        documented(
            "How much is written.",
            definition(
                "shapes::Level",
                "level",
                50,
                Body::Polymorphic({
                    let mut all = vec![
                        constant("Quiet"),
                        constructor(
                            "Verbosity",
                            Arguments::Positional(vec![Type::Int, Type::Bool]),
                        ),
                        constant("off"),
                    ];
                    all[0].doc = "Nothing is.".into();
                    all[1].doc = "So much, from 0 to 9, and whether it is written with the time at which it has happened.".into();
                    all
                }),
            ),
        ),
        documented(
            "A newtype.",
            definition("shapes::Area", "area", 60, Body::Alias(Type::Float)),
        ),
        documented(
            "A block of statements.",
            definition(
                "shapes::Block",
                "block",
                70,
                Body::Record(vec![
                    field("statements", list(named("shapes::Statement"))),
                    field("label", Type::String),
                ]),
            ),
        ),
        documented(
            "A statement.",
            definition(
                "shapes::Statement",
                "statement",
                80,
                Body::Variant(vec![
                    constructor("Print", Arguments::Positional(vec![Type::String])),
                    constructor("Loop", Arguments::Positional(vec![named("shapes::Block")])),
                ]),
            ),
        ),
        definition(
            "shapes::Label",
            "label",
            81,
            Body::Record(vec![field("label", option(named("shapes::Label")))]),
        ),
        definition(
            "shapes::Nest",
            "nest",
            90,
            Body::Record(vec![field("eggs", list(named("shapes::Egg")))]),
        ),
        definition(
            "shapes::Egg",
            "egg",
            91,
            Body::Record(vec![field("eggs", list(named("shapes::Nest")))]),
        ),
        definition(
            "shapes::Counters",
            "counters",
            95,
            Body::Alias(Type::Array(Box::new(named("shapes::Counter")))),
        ),
        documented(
            "Counts, from any number of domains.",
            definition("shapes::Counter", "counter", 100, Body::Abstract),
        ),
        definition(
            "shapes::dyn Store + Send + Sync",
            "store",
            110,
            Body::Abstract,
        ),
    ]
}

fn errors() -> Vec<Exceptions> {
    let mut refused = exceptions(
        "shapes::Refused",
        120,
        vec![
            constructor(
                "Not_enough",
                Arguments::Positional(vec![Type::Int, named("shapes::Point")]),
            ),
            constant("Closed"),
        ],
    );
    refused.doc = "Why an account *refuses*.".into();
    refused.exceptions[0].constructor.doc = "There are so many only.".into();
    let mut limit = exceptions(
        "shapes::Limit",
        130,
        vec![constructor(
            "Limit",
            Arguments::Record(vec![field("name", Type::String)]),
        )],
    );
    limit.doc = "Nothing *more* fits.".into();
    vec![refused, limit]
}

fn plain_functions() -> Vec<Function> {
    let every = [
        Type::Unit,
        Type::Bool,
        Type::Int,
        Type::Char,
        Type::Uchar,
        Type::Float,
        Type::Int32,
        Type::Int64,
        Type::Nativeint,
        Type::String,
        Type::Bytes,
        Type::Exn,
        Type::Handle,
        Type::Any,
        Type::Unchecked,
        Type::Result(
            Box::new(Type::Int),
            Box::new(Type::Tuple(vec![Type::Int, Type::String])),
        ),
        list(Type::Tuple(vec![Type::Int, option(named("shapes::Row"))])),
        Type::Function(
            vec![Type::Int, list(Type::Int)],
            Box::new(promise(Type::Int)),
        ),
        promise(promise(Type::Unit)),
        Type::Stream(Box::new(option(Type::Int))),
        Type::Channel(Box::new(option(named("shapes::Row")))),
    ];
    let every = every.into_iter().chain(KINDS.map(Type::Bigarray));
    every
        .enumerate()
        .map(|(i, ty)| {
            let line = 200 + u32::try_from(i).unwrap();
            function(
                &format!("pass_{i}"),
                line,
                vec![argument("x", ty.clone())],
                promise(ty),
            )
        })
        .collect()
}

fn functions() -> Vec<Function> {
    let numbers = |types: &[Type]| types.iter().map(|ty| argument("x", ty.clone())).collect();
    let label = |label: Label, ty| Argument {
        label,
        ..argument("x", ty)
    };
    let mut functions = plain_functions();
    functions.extend([
        Function {
            doc: "Greets.\n\n# Errors\n\nFails with [`Refused`] if nobody is there:\n\n```\n# hidden();\ngreet(\"x\", 1).await?;\n```\n\n1. one\n2. two,\n   which is longer than the others, so that it needs more than a single line of the comment\n\n```ocaml\nlet* greeting = greet \"x\" 1 in\nLwt_io.print greeting\n```\n\n- one\n  - two: this one is longer, too, so that there are two lines of it, which both are indented\n\n    three\n- four\n\n| a | b |\n|---|---|\n| c d | e |".into(),
            ..function(
                "greet",
                300,
                vec![argument("name", Type::String), argument("times", Type::Int)],
                promise(Type::String),
            )
        },
        Function {
            mode: Mode::Sync,
            unboxed: true,
            ..function("mean", 310, numbers(&[Type::Float, Type::Int]), Type::Float)
        },
        Function {
            mode: Mode::Sync,
            unboxed: true,
            noalloc: true,
            doc: "Adds.".into(),
            ..function(
                "sum",
                320,
                numbers(&[Type::Int32, Type::Int64, Type::Nativeint, Type::Int, Type::Float, Type::Int]),
                Type::Unit,
            )
        },
        Function {
            mode: Mode::Sync,
            noalloc: true,
            unboxed: true,
            hash: 1,
            ..function("one", 321, numbers(&[Type::Int]), Type::Int)
        },
        function(
            "connect",
            330,
            vec![
                label(Label::Labelled("host".into()), Type::String),
                label(Label::Optional("port".into()), option(Type::Int)),
                label(Label::Optional("method".into()), option(Type::Tuple(vec![Type::Int, Type::Int]))),
                label(
                    Label::Labelled("f".into()),
                    Type::Function(vec![Type::Int], Box::new(Type::Unit)),
                ),
                argument("", Type::Unit),
            ],
            promise(Type::Unit),
        ),
        function("type", 340, vec![], promise(named("shapes::Level"))),
        Function {
            mode: Mode::Sync,
            ..function("adder", 350, vec![argument("n", Type::Int)], Type::Function(vec![Type::Int], Box::new(Type::Int)))
        },
        Function {
            doc: "Creates a counter.".into(),
            ..method("create", 360, vec![], named("shapes::Counter"))
        },
        Function {
            doc: "Returns what follows, and *counts*: the numbers are the same on all domains, as you would expect of them.".into(),
            ..method("next", 370, vec![argument("self", named("shapes::Counter"))], promise(option(Type::Int)))
        },
        method(
            "adder",
            380,
            vec![argument("self", named("shapes::Counter")), argument("place", named("shapes::Point"))],
            Type::Function(vec![Type::Int], Box::new(named("shapes::Counter"))),
        ),
        function("of_counters", 390, vec![argument("counters", named("shapes::Counters"))], promise(Type::Unit)),
        Function {
            owner: "Store".into(),
            rust_name: "dyn Store + Send + Sync::get".into(),
            ..function("get", 400, vec![argument("self", named("shapes::dyn Store + Send + Sync"))], promise(Type::String))
        },
    ]);
    functions
}

pub fn exports() -> Exports {
    crate::testing::exports(definitions(), errors(), functions())
}

#[test]
fn the_files_are_as_written_by_hand() {
    let (exports, options) = (exports(), Options::default());
    assert_golden("every_type.mli", &mli(&exports));
    assert_golden("every_type.ml", &generated(&exports, &options, File::Ml));
}

#[test]
fn the_files_compile_and_odoc_reads_them() {
    let Some(workspace) = ocaml::Workspace::new("the_files_compile_and_odoc_reads_them") else {
        return;
    };
    let (exports, options) = (exports(), Options::default());
    workspace.compile(&mli(&exports), &generated(&exports, &options, File::Ml));
    workspace.compile(
        &mli(&exports),
        &generated(&exports, &options, File::DocumentedMl),
    );
    if ocaml::odoc().is_some() {
        workspace.document();
    }
    workspace.write(
        "alone.ml",
        &generated(&exports, &options, File::DocumentedMl),
    );
    // Without warning 70, since it has no interface.
    workspace.ocamlopt(&["-c", "alone.ml"]);
}

#[test]
fn ocamlformat_changes_nothing() {
    let test = "ocamlformat_changes_nothing";
    if !ocaml::has_ocamlformat() {
        eprintln!("{test}: skipped, since ocamlformat 0.27 is not installed");
        return;
    }
    let Some(workspace) = ocaml::Workspace::new(test) else {
        return;
    };
    workspace.write(
        "every_type.mli",
        include_str!("../../../tests/golden/every_type.mli"),
    );
    workspace.write(
        "every_type.ml",
        include_str!("../../../tests/golden/every_type.ml"),
    );
    workspace.write("long.mli", include_str!("../../../tests/golden/long.mli"));
    workspace.run(
        "ocamlformat",
        &[
            "--enable-outside-detected-project",
            "--disable-conf-files",
            "--check",
            "every_type.mli",
            "every_type.ml",
            "long.mli",
        ],
    );
}
