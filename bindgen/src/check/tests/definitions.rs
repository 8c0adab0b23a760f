//! Records, variants, polymorphic variants and opaque values.

use super::support::*;
use crate::model::{Arguments, Body, Constructor, Definition, Exports, Type};

fn inline(name: &str, types: &[(&str, Type)]) -> Constructor {
    Constructor {
        arguments: Arguments::Record(fields(types)),
        ..constructor(name, &[])
    }
}

/// A function that takes a type.
fn takes(definitions: Vec<Definition>, ty: Type) -> Exports {
    exports(vec![func("f", 1).takes(ty, "T")], definitions)
}

#[test]
fn records() {
    let person = fields(&[
        ("name", Type::String),
        ("age", Type::Int),
        ("friends", list(named("Person"))),
    ]);
    let person = definition("Person", "person", 20, Body::Record(person));
    assert_messages(
        "records",
        &takes(vec![person], array(named("Person"))),
        r#"
type person = { name : string; mutable age : int; friends : person list }
external exact : person array -> unit = "f"

type 'a general = { name : string; age : 'a; friends : 'a general list }
external instance : int general array -> unit = "f"
external other_instance : string general array -> unit = "f"
(*! other_instance: argument 1: element of the array, field age of general is string here, int in Rust (src/lib.rs:20) *)
external variable : 'a general array -> unit = "f"
(*! variable: argument 1: element of the array, field age of general is 'a here, int in Rust (src/lib.rs:20) *)

module M : sig type t = private { name : string; age : int; friends : t list } end = struct
  type t = { name : string; age : int; friends : t list }
end
external a_private_record : M.t array -> unit = "f"

type again = M.t = private { name : string; age : int; friends : M.t list }
external represented_again : again array -> unit = "f"

type two = { name : string; age : int; friends : person list }
external two_that_are_equal : two array -> unit = "f"

type deep = { name : string; age : int; friends : bad list }
and bad = { name : string; age : float; friends : deep list }
external bad_within : deep array -> unit = "f"
(*! bad_within: argument 1: element of the array, field friends of deep, element of the list, field age of bad is float here, int in Rust (src/lib.rs:20) *)

type rank = { name : string; age : int; friends : 'a. 'a list }
external polymorphic_field : rank array -> unit = "f"
(*! polymorphic_field: argument 1: element of the array, field friends of rank, element of the list is 'a here, person in Rust (src/lib.rs:20) *)

external a_tuple : (string * int) array -> unit = "f"
(*! a_tuple: argument 1: element of the array is string * int here, person in Rust (src/lib.rs:1) *)
external an_object : < name : string > array -> unit = "f"
(*! an_object: argument 1: element of the array is < name : string > here, person in Rust (src/lib.rs:1): it is an object type, which Rust does not have *)
"#,
    );
}

#[test]
fn records_of_floats_and_unboxed_types() {
    let exports = exports(
        vec![
            func("keep", 1).takes(named("Kept"), "Kept"),
            func("point", 2).takes(named("Point"), "Point"),
            func("only", 3).takes(named("Only"), "Only"),
            func("only_one", 4).takes(named("OnlyOne"), "OnlyOne"),
        ],
        vec![
            definition(
                "Kept",
                "kept",
                11,
                Body::Record(fields(&[("x", Type::Any), ("y", Type::Any)])),
            ),
            definition(
                "Point",
                "point",
                12,
                Body::Record(fields(&[("x", Type::Float), ("y", named("Score"))])),
            ),
            definition("Score", "score", 13, Body::Alias(Type::Float)),
            definition(
                "Only",
                "only",
                14,
                Body::Record(fields(&[("it", Type::String)])),
            ),
            definition(
                "OnlyOne",
                "only_one",
                15,
                Body::Variant(vec![constructor("One", &[Type::String])]),
            ),
        ],
    );
    assert_messages(
        "flat-records",
        &exports,
        r#"
type mixed = { x : float; y : int }
external mixed : mixed -> unit = "keep"
type point = { x : float; y : float }
external flat : point -> unit = "keep"
(*! flat: argument 1 is point here, kept (Kept) in Rust (src/lib.rs:1): a record of floats alone has another representation than other records *)
external point : point -> unit = "point"
type meters = Meters of float [@@unboxed]
type hidden = { x : meters; y : meters }
external hidden : hidden -> unit = "keep"
(*! hidden: argument 1 is hidden here, kept (Kept) in Rust (src/lib.rs:1): a record of floats alone has another representation than other records *)

type only = { it : string }
external only : only -> unit = "only"
type unboxed = { it : string } [@@unboxed]
external unboxed : unboxed -> unit = "only"
(*! unboxed: argument 1 is unboxed here, only (Only) in Rust (src/lib.rs:3): [@@unboxed] changes the representation; remove it *)
type one = One of string
external one : one -> unit = "only_one"
type unboxed_one = One of string [@@unboxed]
external unboxed_one : unboxed_one -> unit = "only_one"
(*! unboxed_one: argument 1 is unboxed_one here, only_one (OnlyOne) in Rust (src/lib.rs:4): [@@unboxed] changes the representation; remove it *)
"#,
    );
}

#[test]
fn variants() {
    let shape = definition(
        "Shape",
        "shape",
        30,
        Body::Variant(vec![
            constructor("Empty", &[]),
            constructor("Circle", &[Type::Float]),
            inline("Box", &[("w", Type::Float), ("h", Type::Float)]),
            constructor("Move", &[named("Shape"), Type::Int]),
            constructor("Pair", &[Type::Tuple(vec![Type::Int, Type::Int])]),
        ]),
    );
    assert_messages(
        "variants",
        &takes(vec![shape], named("Shape")),
        r#"
type shape = Empty | Circle of float | Box of { mutable w : float; h : float } | Move of shape * int | Pair of (int * int)
external exact : shape -> unit = "f"
type again = shape = private Empty | Circle of float | Box of { mutable w : float; h : float } | Move of shape * int | Pair of (int * int)
external again : again -> unit = "f"

type a = Empty | Circle of float | Box of { w : float; h : float } | Move of (a * int) | Pair of int * int
external arguments_are_no_tuple : a -> unit = "f"
(*! arguments_are_no_tuple: argument 1: constructor Move of a is (a * int) here, shape * int in Rust (src/lib.rs:30) *)
(*! arguments_are_no_tuple: argument 1: constructor Pair of a is int * int here, (int * int) in Rust (src/lib.rs:30) *)

type b = Empty of int | Circle | Box of float * float | Move of b * bool | Pair of { a : int; b : int }
external other_arguments : b -> unit = "f"
(*! other_arguments: argument 1: constructor Empty of b is int here, constant in Rust (src/lib.rs:30) *)
(*! other_arguments: argument 1: constructor Circle of b is constant here, float in Rust (src/lib.rs:30) *)
(*! other_arguments: argument 1: constructor Box of b is float * float here, { w; h } in Rust (src/lib.rs:30) *)
(*! other_arguments: argument 1: argument 2 of constructor Move of b is bool here, int in Rust (src/lib.rs:30) *)
(*! other_arguments: argument 1: constructor Pair of b is { a; b } here, (int * int) in Rust (src/lib.rs:30) *)

type c = Empty | Circle of int | Box of { w : float; height : float } | Move of c * int | Pair of (int * string)
external within : c -> unit = "f"
(*! within: argument 1: constructor Circle of c is int here, float in Rust (src/lib.rs:30) *)
(*! within: argument 1: constructor Box of c has the fields { w; height } here, { w; h } in Rust (src/lib.rs:30) *)
(*! within: argument 1: constructor Pair of c, component 2 of the tuple is string here, int in Rust (src/lib.rs:30) *)

type d = Circle of float | Empty | Box of { w : float; h : float } | Move of d * int | Pair of (int * int)
external order : d -> unit = "f"
(*! order: argument 1: d has the constructors Circle | Empty | Box | Move | Pair here, Empty | Circle | Box | Move | Pair in Rust (src/lib.rs:30) *)

type _ gadt = Empty : int gadt | Circle : float -> float gadt
external gadt : int gadt -> unit = "f"
(*! gadt: argument 1 is int gadt here, shape (T) in Rust (src/lib.rs:1): gadt is a GADT, which Rust does not have *)
type extensible = ..
external extensible : extensible -> unit = "f"
(*! extensible: argument 1 is extensible here, shape (T) in Rust (src/lib.rs:1): extensible is an extensible or external type, which Rust does not have *)
type 'a endless = Empty | More of ('a * 'a) endless
external endless : int endless -> unit = "f"
(*! endless: argument 1: endless has the constructors Empty | More here, Empty | Circle | Box | Move | Pair in Rust (src/lib.rs:30) *)
"#,
    );
}

#[test]
fn polymorphic_variants() {
    let mode = definition(
        "Mode",
        "mode",
        40,
        Body::Polymorphic(vec![
            constructor("On", &[]),
            constructor("Off", &[Type::Int]),
            constructor("Both", &[named("Mode"), named("Mode")]),
        ]),
    );
    assert_messages(
        "polymorphic-variants",
        &takes(vec![mode], named("Mode")),
        r#"
type mode = [ `On | `Off of int | `Both of mode * mode ]
external exact : mode -> unit = "f"
external another_order : ([ `Both of 'a * 'a | `Off of int | `On ] as 'a) -> unit = "f"
type part = [ `On | `Off of int ]
type joined = [ part | `Both of joined * joined ]
external joined : joined -> unit = "f"
type less = private [ `On | `Off of int | `Both of mode * mode ]
external a_private_one : less -> unit = "f"

external opened : [> `On | `Off of int | `Both of mode * mode ] -> unit = "f"
(*! opened: argument 1 is [> `Both of mode * mode | `Off of int | `On ] here, [ `On | `Off of int | `Both of mode * mode ] (T) in Rust (src/lib.rs:1): a type with > or < does not fix its constructors; write [ ... ] *)
external at_most : [< `On | `Off of int | `Both of mode * mode ] -> unit = "f"
(*! at_most: argument 1 is [< `Both of mode * mode | `Off of int | `On ] here, [ `On | `Off of int | `Both of mode * mode ] (T) in Rust (src/lib.rs:1): a type with > or < does not fix its constructors; write [ ... ] *)
external one_less : part -> unit = "f"
(*! one_less: argument 1 is part here, [ `On | `Off of int | `Both of mode * mode ] (T) in Rust (src/lib.rs:1) *)
external arguments : [ `On of int | `Off of string | `Both of mode ] -> unit = "f"
(*! arguments: argument 1: constructor `On is int here, constant in Rust (src/lib.rs:40) *)
(*! arguments: argument 1: constructor `Off is string here, int in Rust (src/lib.rs:40) *)
(*! arguments: argument 1: constructor `Both is mode here, [ `On | `Off of int | `Both of mode * mode ] * [ `On | `Off of int | `Both of mode * mode ] in Rust (src/lib.rs:40) *)
"#,
    );
}

#[test]
fn opaque_values() {
    let exports = exports(
        vec![
            func("engine", 1).returns(named("Engine"), "Opaque<Engine>"),
            func("start", 2).takes(named("Engine"), "Opaque<Engine>"),
            func("wing", 3).returns(named("Wing"), "Opaque<Wing>"),
        ],
        vec![
            definition("Engine", "engine", 11, Body::Abstract),
            definition("Wing", "wing", 12, Body::Abstract),
        ],
    );
    let opaque = "the Rust value is opaque; declare an abstract type for it, as in type engine";
    let nameless =
        "this type is a functor's parameter, or belongs to an expression; declare it in a module";
    assert_messages_of(
        "opaque-values",
        &exports,
        &[
            (
                "engines.ml",
                "type t\nexternal make : unit -> t = \"engine\"\n\
                 module Sub = struct type t external make : unit -> t = \"wing\" end",
            ),
            ("numbers.mli", "type t"),
            ("numbers.ml", "type t = float"),
            (
                "main.ml",
                &r#"
external start : Engines.t -> unit = "start"
module E = Engines
external start_alias : E.t -> unit = "start"
type 'a phantom
external start_phantom : int phantom -> unit = "start"
external wing : unit -> string phantom = "wing"
(*! wing: phantom stands for the Rust type my_crate::Wing (src/lib.rs:12) here, and for my_crate::Engine (src/lib.rs:11) in start_phantom (main.ml:6): declare an abstract type for each *)
external start_wing : Engines.Sub.t -> unit = "start"
(*! start_wing: Engines.Sub.t stands for the Rust type my_crate::Engine (src/lib.rs:11) here, and for my_crate::Wing (src/lib.rs:12) in make (engines.ml:3): declare an abstract type for each *)

module type S = sig type t external make : unit -> t = "engine" end
module F (X : sig type t end) = struct
  type own
  external start : own -> unit = "start"
  external start_parameter : X.t -> unit = "start"
  (*! start_parameter: argument 1 is X.t here, engine (Opaque<Engine>) in Rust (src/lib.rs:2): NAMELESS *)
end
let f (type a) (x : a) =
  let module M = struct
    type b
    external start : b -> unit = "start"
    external start_a : a -> unit = "start"
    (*! start_a: argument 1 is a here, engine (Opaque<Engine>) in Rust (src/lib.rs:2): NAMELESS *)
  end in
  M.start_a x
module Hidden : sig type t type other type r end = struct type t = int type other = Engines.t type r = { x : int } end
external hidden : Hidden.t -> unit = "start"
(*! hidden: argument 1 is Hidden.t here, engine (Opaque<Engine>) in Rust (src/lib.rs:2): Hidden.t is int (main.ml:27), and OPAQUE *)
external hidden_record : Hidden.r -> unit = "start"
(*! hidden_record: argument 1 is Hidden.r here, engine (Opaque<Engine>) in Rust (src/lib.rs:2): Hidden.r is a record (main.ml:27), and OPAQUE *)
external hidden_engine : Hidden.other -> unit = "start"
external hidden_wing : unit -> Hidden.other = "wing"
(*! hidden_wing: Hidden.other stands for the Rust type my_crate::Wing (src/lib.rs:12) here, and for my_crate::Engine (src/lib.rs:11) in make (engines.ml:2): declare an abstract type for each *)
external hidden_elsewhere : Numbers.t -> unit = "start"
(*! hidden_elsewhere: argument 1 is Numbers.t here, engine (Opaque<Engine>) in Rust (src/lib.rs:2): Numbers.t is float (numbers.ml:1), and OPAQUE *)
external variable : 'a -> unit = "start"
(*! variable: argument 1 is 'a here, engine (Opaque<Engine>) in Rust (src/lib.rs:2): OPAQUE *)
external a_bytes : bytes -> unit = "start"
(*! a_bytes: argument 1 is bytes here, engine (Opaque<Engine>) in Rust (src/lib.rs:2): OPAQUE *)
external a_uchar : Uchar.t -> unit = "start"
(*! a_uchar: argument 1 is Uchar.t here, engine (Opaque<Engine>) in Rust (src/lib.rs:2): OPAQUE *)
external a_handle : Lwt_interop.Handle.t -> unit = "start"
(*! a_handle: argument 1 is Lwt_interop.Handle.t here, engine (Opaque<Engine>) in Rust (src/lib.rs:2): OPAQUE *)
external a_buffer : Buffer.t -> unit = "start"
(*! a_buffer: argument 1 is Buffer.t here, engine (Opaque<Engine>) in Rust (src/lib.rs:2): OPAQUE *)
type alias = private int
external a_private_int : alias -> unit = "start"
(*! a_private_int: argument 1 is alias here, engine (Opaque<Engine>) in Rust (src/lib.rs:2): OPAQUE *)
"#
                .replace("OPAQUE", opaque)
                .replace("NAMELESS", nameless),
            ),
        ],
    );
}
