//! Declarations that compile and link, and crash or return garbage when they are called.

use super::support::*;
use crate::model::{Body, Exports, Type};

fn library() -> Exports {
    let person = fields(&[("name", Type::String), ("age", Type::Int)]);
    let shade = vec![
        constructor("Clear", &[]),
        constructor("Named", &[Type::String]),
        constructor("Dark", &[]),
    ];
    exports(
        vec![
            func("welcome", 3)
                .takes(Type::String, "String")
                .takes(Type::Int, "isize")
                .returns(Type::String, "String")
                .asynchronous(),
            func("total", 8)
                .takes(array(Type::Int), "Vec<isize>")
                .returns(Type::Int, "isize"),
            func("text_length", 12)
                .takes(Type::String, "String")
                .returns(Type::Int, "usize"),
            func("byte_length", 13)
                .takes(Type::String, "Bytes")
                .returns(Type::Int, "usize"),
            func("halve", 16)
                .takes(Type::Float, "f64")
                .returns(Type::Float, "f64"),
            func("birthday", 26)
                .takes(named("Person"), "Person")
                .returns(named("Person"), "Person"),
            func("describe", 36)
                .takes(named("Shade"), "Shade")
                .returns(Type::String, "String"),
            func("nickname", 40)
                .takes(option(Type::String), "Option<String>")
                .returns(Type::String, "String"),
            func("attempt", 44)
                .takes(Type::Bool, "bool")
                .returns(result(Type::Int, Type::String), "Result<isize, String>")
                .asynchronous(),
            func("attempt_or_raise", 48)
                .takes(Type::Bool, "bool")
                .returns(Type::Int, "Result<isize, String>")
                .asynchronous()
                .raising(),
            func("engine", 54).returns(named("Engine"), "Opaque<Engine>"),
            func("start", 57)
                .takes(named("Engine"), "Opaque<Engine>")
                .returns(Type::Int, "isize"),
            func("fly", 60)
                .takes(named("Wing"), "Opaque<Wing>")
                .returns(Type::Int, "isize"),
            func("pause", 64).asynchronous(),
        ],
        vec![
            definition("Person", "person", 20, Body::Record(person)),
            definition("Shade", "shade", 30, Body::Variant(shade)),
            definition("Engine", "engine", 51, Body::Abstract),
            definition("Wing", "wing", 52, Body::Abstract),
        ],
    )
}

#[test]
fn wrong_arguments() {
    let compared = assert_messages(
        "wrong-arguments",
        &library(),
        r#"
module Int_for_string = struct
  external welcome : int -> int -> string Lwt.t = "welcome"
  (*! welcome: argument 1 is int here, string (String) in Rust (src/lib.rs:3) *)
end
module Argument_missing = struct
  external welcome : string -> string Lwt.t = "welcome"
  (*! welcome: is string -> string Lwt.t here, string -> int -> string Lwt.t in Rust (src/lib.rs:3): it takes 1 argument here, 2 in Rust *)
end
module Float_for_int = struct
  external welcome : string -> float -> string Lwt.t = "welcome"
  (*! welcome: argument 2 is float here, int (isize) in Rust (src/lib.rs:3) *)
end
module List_for_array = struct
  (* With elements and without any. *)
  external total : int list -> int = "total"
  (*! total: argument 1 is int list here, int array (Vec<isize>) in Rust (src/lib.rs:8) *)
end
module Strings_for_ints = struct
  external total : string array -> int = "total"
  (*! total: argument 1: element of the array is string here, int in Rust (src/lib.rs:8) *)
end
module Floats_for_ints = struct
  external total : float array -> int = "total"
  (*! total: argument 1: element of the array is float here, int in Rust (src/lib.rs:8) *)
end
module Int_for_float = struct
  external halve : int -> float = "halve"
  (*! halve: argument 1 is int here, float (f64) in Rust (src/lib.rs:16) *)
end
module Unboxed_float = struct
  external halve : (float[@unboxed]) -> (float[@unboxed]) = "halve" "halve"
  (*! halve: argument 1 is (float [@unboxed]) here, float (f64) in Rust (src/lib.rs:16): the function takes no plain numbers; write #[func(sync, unboxed)], or remove the attributes *)
  (*! halve: returns (float [@unboxed]) here, float (f64) in Rust (src/lib.rs:16): the function takes no plain numbers; write #[func(sync, unboxed)], or remove the attributes *)
end
module String_for_option = struct
  (* A text and an empty one. *)
  external nickname : string -> string = "nickname"
  (*! nickname: argument 1 is string here, string option (Option<String>) in Rust (src/lib.rs:40) *)
end
module Bytes_for_string = struct
  external text_length : bytes -> int = "text_length"
  (*! text_length: argument 1 is bytes here, string (String) in Rust (src/lib.rs:12) *)
end
module Int_for_bytes = struct
  external byte_length : int -> int = "byte_length"
  (*! byte_length: argument 1 is int here, string (Bytes) in Rust (src/lib.rs:13) *)
end
module One_argument_more = struct
  external pause : unit -> unit -> unit Lwt.t = "pause"
  (*! pause: is unit -> unit -> unit Lwt.t here, unit -> unit Lwt.t in Rust (src/lib.rs:64): it takes 2 arguments here, only () in Rust *)
end
"#,
    );
    assert!(compared >= 12);
}

#[test]
fn wrong_results() {
    assert_messages(
        "wrong-results",
        &library(),
        r#"
module Int_for_string = struct
  external welcome : string -> int -> int Lwt.t = "welcome"
  (*! welcome: returns int Lwt.t here, string Lwt.t (String) in Rust (src/lib.rs:3) *)
end
module Promise_forgotten = struct
  external welcome : string -> int -> string = "welcome"
  (*! welcome: returns string here, string Lwt.t in Rust (src/lib.rs:3): the function is asynchronous *)
end
module Promise_too_much = struct
  external halve : float -> float Lwt.t = "halve"
  (*! halve: returns float Lwt.t here, float (f64) in Rust (src/lib.rs:16): the function is synchronous *)
end
module Int_for_float = struct
  external halve : float -> int = "halve"
  (*! halve: returns int here, float (f64) in Rust (src/lib.rs:16) *)
end
module Result_forgotten = struct
  (* For Ok and for Error. *)
  external attempt : bool -> int Lwt.t = "attempt"
  (*! attempt: returns int Lwt.t here, (int, string) result Lwt.t (Result<isize, String>) in Rust (src/lib.rs:44): the function returns its errors; declare a result, or add the option raise to #[func] *)
end
module Raise_as_result = struct
  external attempt : bool -> (int, string) result Lwt.t = "attempt_or_raise"
  (*! attempt: returns (int, string) result Lwt.t here, int Lwt.t (Result<isize, String>) in Rust (src/lib.rs:48): the function raises its errors, because it has the option raise *)
end
module String_for_unit = struct
  external pause : unit -> string Lwt.t = "pause"
  (*! pause: returns string Lwt.t here, unit Lwt.t in Rust (src/lib.rs:64) *)
end
"#,
    );
}

#[test]
fn wrong_definitions() {
    assert_messages(
        "wrong-definitions",
        &library(),
        r#"
type swapped = { age : int; name : string }
module Fields_swapped = struct
  external birthday : swapped -> swapped = "birthday"
  (*! birthday: argument 1: swapped has the fields { age; name } here, { name; age } in Rust (src/lib.rs:20) *)
  (*! birthday: result: swapped has the fields { age; name } here, { name; age } in Rust (src/lib.rs:20) *)
end
type short = { name : string }
module Field_missing = struct
  external birthday : short -> short = "birthday"
  (*! birthday: argument 1: short has the fields { name } here, { name; age } in Rust (src/lib.rs:20) *)
  (*! birthday: result: short has the fields { name } here, { name; age } in Rust (src/lib.rs:20) *)
end
type long = { name : string; age : int; more : string }
module Field_too_many = struct
  external birthday : long -> long = "birthday"
  (*! birthday: argument 1: long has the fields { name; age; more } here, { name; age } in Rust (src/lib.rs:20) *)
  (*! birthday: result: long has the fields { name; age; more } here, { name; age } in Rust (src/lib.rs:20) *)
end
type more = Clear | Named of string | Dark | Darker
module Constructor_too_many = struct
  external describe : more -> string = "describe"
  (*! describe: argument 1: more has the constructors Clear | Named | Dark | Darker here, Clear | Named | Dark in Rust (src/lib.rs:30) *)
end
type others = Label of string | Grey of int | Level of int
module Other_constructors = struct
  external describe : others -> string = "describe"
  (*! describe: argument 1: others has the constructors Label | Grey | Level here, Clear | Named | Dark in Rust (src/lib.rs:30) *)
end
"#,
    );
}

#[test]
fn wrong_opaque_values() {
    assert_messages(
        "wrong-opaque-values",
        &library(),
        r#"
type t
external engine : unit -> t = "engine"
external fly : t -> int = "fly"
(*! fly: t stands for the Rust type my_crate::Wing (src/lib.rs:52) here, and for my_crate::Engine (src/lib.rs:51) in engine (main.ml:3): declare an abstract type for each *)
external of_int : int -> int = "start"
(*! of_int: argument 1 is int here, engine (Opaque<Engine>) in Rust (src/lib.rs:57): the Rust value is opaque; declare an abstract type for it, as in type engine *)
external of_string : string -> int = "start"
(*! of_string: argument 1 is string here, engine (Opaque<Engine>) in Rust (src/lib.rs:57): the Rust value is opaque; declare an abstract type for it, as in type engine *)
external of_function : (int -> int) -> int = "start"
(*! of_function: argument 1 is int -> int here, engine (Opaque<Engine>) in Rust (src/lib.rs:57): the Rust value is opaque; declare an abstract type for it, as in type engine *)
"#,
    );
}
