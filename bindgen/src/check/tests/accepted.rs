//! Declarations that are right.

use super::support::*;
use crate::model::{Body, Exports, Kind, Mode, Type};

/// A function for each type, which takes and returns it.
fn each(types: &[(&str, Type)]) -> Exports {
    let function = |(line, (name, ty)): (usize, &(&str, Type))| {
        func(name, line as u32 + 1)
            .takes(ty.clone(), "T")
            .returns(ty.clone(), "T")
    };
    exports(types.iter().enumerate().map(function).collect(), vec![])
}

#[test]
fn simple_types() {
    let types = [
        ("a_unit", Type::Unit),
        ("a_bool", Type::Bool),
        ("an_int", Type::Int),
        ("a_char", Type::Char),
        ("a_uchar", Type::Uchar),
        ("a_float", Type::Float),
        ("an_int32", Type::Int32),
        ("an_int64", Type::Int64),
        ("a_nativeint", Type::Nativeint),
        ("a_string", Type::String),
        ("a_bytes", Type::Bytes),
        ("an_exn", Type::Exn),
        ("a_handle", Type::Handle),
        ("an_array", array(Type::String)),
        ("a_list", list(array(Type::Float))),
        ("an_option", option(option(Type::Int))),
        ("a_promise", promise(Type::Unit)),
        ("a_stream", Type::Stream(Box::new(list(Type::Int)))),
        ("a_channel", Type::Channel(Box::new(Type::Int))),
        ("a_result", result(Type::Int, Type::String)),
        (
            "a_tuple",
            Type::Tuple(vec![Type::Int, Type::Float, Type::Bool]),
        ),
        (
            "a_function",
            arrow(&[Type::Int, option(Type::Bool)], promise(Type::String)),
        ),
        ("no_arguments", arrow(&[], Type::Int)),
        ("unit_argument", arrow(&[Type::Unit], Type::Int)),
    ];
    let compared = assert_messages(
        "accepted-simple",
        &each(&types),
        r#"
type id = int
type 'a deferred = 'a Lwt.t
type ('a, 'b) pair = 'a * 'b
type triple = int * float * bool
type callback = int -> callback_rest
and callback_rest = bool option -> string deferred
module R = Result

external a_unit : unit -> unit = "a_unit"
external a_bool : bool -> Bool.t = "a_bool"
external an_int : id -> Int.t = "an_int"
external a_char : char -> Char.t = "a_char"
external a_uchar : Uchar.t -> Stdlib.Uchar.t = "a_uchar"
external a_float : float -> Float.t = "a_float"
external an_int32 : int32 -> Int32.t = "an_int32"
external an_int64 : int64 -> Int64.t = "an_int64"
external a_nativeint : nativeint -> Nativeint.t = "a_nativeint"
external a_string : string -> String.t = "a_string"
external a_bytes : bytes -> Bytes.t = "a_bytes"
external an_exn : exn -> Printexc.t = "an_exn"
external a_handle : Lwt_interop.Handle.t -> Lwt_interop__Handle.t = "a_handle"
external an_array : string array -> string Array.t = "an_array"
external a_list : float array list -> Float.t array List.t = "a_list"
external an_option : int option option -> id Option.t Option.t = "an_option"
external a_promise : unit Lwt.t -> unit deferred = "a_promise"
external a_stream : int list Lwt_interop.Stream.t -> id list Lwt_interop__Stream.t = "a_stream"
external a_channel : int Lwt_interop.Channel.t -> id Lwt_interop__Channel.t = "a_channel"
external a_result : (int, string) result -> (int, string) R.t = "a_result"
external a_tuple : int * float * bool -> triple = "a_tuple"
external a_function : (int -> bool option -> string Lwt.t) -> callback = "a_function"
external labelled : (id:int -> ?flag:bool -> string Lwt.t) -> callback
  = "a_function"
external without_a_name : (unit -> int) -> (unit -> int) = "no_arguments"
(*! without_a_name: is (unit -> int) -> unit -> int here, (unit -> int) -> (unit -> int) in Rust (src/lib.rs:23): it takes 2 arguments here, 1 in Rust *)
type thunk = unit -> int
external with_a_name : callback:(unit -> int) -> thunk = "no_arguments"
external unit_argument : (unit -> int) -> thunk = "unit_argument"
"#,
    );
    assert!(compared >= 24);
}

#[test]
fn any_value() {
    let exports = exports(
        vec![
            func("keep", 1)
                .takes(Type::Any, "Rooted<Any>")
                .takes(Type::Unchecked, "Unchecked<T>")
                .returns(Type::Any, "Rooted<Any>"),
            func("keep_all", 2).takes(array(Type::Any), "Vec<Rooted<Any>>"),
        ],
        vec![],
    );
    assert_messages(
        "accepted-any",
        &exports,
        r#"
type anything = { f : 'a. 'a -> 'a }
external keep : 'a -> int -> 'a = "keep"
external keep2 : (int -> 'a) -> anything -> < m : int > = "keep"
external keep3 : float -> float array -> (module Set.OrderedType) = "keep"
external keep_all : Obj.t array -> unit = "keep_all"
external keep_strings : string array -> unit = "keep_all"
external keep_floats : float array -> unit = "keep_all"
(*! keep_floats: argument 1: element of the array is float here, Obj.t in Rust (src/lib.rs:2): an array of floats has another representation than other arrays; declare an Obj.t array *)
external keep_variables : 'a array -> unit = "keep_all"
(*! keep_variables: argument 1: element of the array is 'a here, Obj.t in Rust (src/lib.rs:2): an array of floats has another representation than other arrays; declare an Obj.t array *)
"#,
    );
}

#[test]
fn bigarrays() {
    let kinds = [
        ("int8_signed", Kind::Int8Signed),
        ("int8_unsigned", Kind::Int8Unsigned),
        ("int16_signed", Kind::Int16Signed),
        ("int16_unsigned", Kind::Int16Unsigned),
        ("int32", Kind::Int32),
        ("int64", Kind::Int64),
        ("nativeint", Kind::Nativeint),
        ("float32", Kind::Float32),
        ("float64", Kind::Float64),
    ];
    assert_messages(
        "accepted-bigarrays",
        &each(&kinds.map(|(name, kind)| (name, Type::Bigarray(kind)))),
        r#"
open Bigarray
type ('a, 'b) vector = ('a, 'b, c_layout) Array1.t
external int8_signed : (int, int8_signed_elt) vector -> (int, int8_signed_elt) vector = "int8_signed"
external int8_unsigned : (int, int8_unsigned_elt) vector -> (int, int8_unsigned_elt) vector = "int8_unsigned"
external chars : (char, int8_unsigned_elt) vector -> (char, int8_unsigned_elt) vector = "int8_unsigned"
external int16_signed : (int, int16_signed_elt) vector -> (int, int16_signed_elt) vector = "int16_signed"
external int16_unsigned : (int, int16_unsigned_elt) vector -> (int, int16_unsigned_elt) vector = "int16_unsigned"
external int32 : (int32, int32_elt) vector -> (int32, int32_elt) vector = "int32"
external int64 : (int64, int64_elt) vector -> (int64, int64_elt) vector = "int64"
external nativeint : (nativeint, nativeint_elt) vector -> (nativeint, nativeint_elt) vector = "nativeint"
external float32 : (float, float32_elt) vector -> (float, float32_elt) vector = "float32"
external float64 : (float, float64_elt) vector -> (float, float64_elt) vector = "float64"

external kind : (float, float64_elt) vector -> (float, float32_elt) vector = "float32"
(*! kind: argument 1 is (float, Bigarray.float64_elt) vector here, (float, Bigarray.float32_elt, Bigarray.c_layout) Bigarray.Array1.t (T) in Rust (src/lib.rs:8) *)
external layout : (float, float32_elt) vector -> (float, float32_elt, fortran_layout) Array1.t = "float32"
(*! layout: returns (float, Bigarray.float32_elt, Bigarray.fortran_layout) Bigarray.Array1.t here, (float, Bigarray.float32_elt, Bigarray.c_layout) Bigarray.Array1.t (T) in Rust (src/lib.rs:8) *)
external dimensions : (float, float32_elt, c_layout) Array2.t -> ('a, 'b) vector = "float32"
(*! dimensions: argument 1 is (float, Bigarray.float32_elt, Bigarray.c_layout) Bigarray.Array2.t here, (float, Bigarray.float32_elt, Bigarray.c_layout) Bigarray.Array1.t (T) in Rust (src/lib.rs:8) *)
(*! dimensions: returns ('a, 'b) vector here, (float, Bigarray.float32_elt, Bigarray.c_layout) Bigarray.Array1.t (T) in Rust (src/lib.rs:8) *)
"#,
    );
}

#[test]
fn kinds_of_functions() {
    let mut returns_promise =
        func("returns_promise", 6).returns(promise(Type::Int), "Promise<isize>");
    returns_promise.mode = Mode::Promise;
    let exports = exports(
        vec![
            func("no_arguments", 1),
            func("later", 2).asynchronous(),
            func("may_raise", 3)
                .takes(Type::Int, "isize")
                .returns(Type::Int, "Result<isize, Failure>")
                .raising(),
            func("returns_result", 4)
                .returns(result(Type::Unit, Type::Exn), "Result<(), E>")
                .asynchronous(),
            func("newtype", 5)
                .takes(named("Metres"), "Metres")
                .returns(option(named("Metres")), "Option<Metres>"),
            returns_promise,
        ],
        vec![definition("Metres", "metres", 9, Body::Alias(Type::Float))],
    );
    let compared = assert_messages(
        "accepted-kinds",
        &exports,
        r#"
external no_arguments : unit -> unit = "no_arguments"
external later : unit -> unit Lwt.t = "later"
external may_raise : n:int -> int = "may_raise"
external returns_result : unit -> (unit, exn) result Lwt.t = "returns_result"
external newtype : ?label:float -> float option = "newtype"
(*! newtype: argument 1 is float option here, float (Metres) in Rust (src/lib.rs:5) *)
external newtype2 : float -> float option = "newtype"
external returns_promise : unit -> int Lwt.t = "returns_promise"
external forgotten : unit -> int = "returns_promise"
(*! forgotten: returns int here, int Lwt.t (Promise<isize>) in Rust (src/lib.rs:6): the function returns a promise *)

(* These are none of the archive's. *)
external size : string -> int = "%string_length"
external elsewhere : string -> int = "caml_ml_string_length"
external foreign : float -> float = "my_sin_byte" "sin" [@@unboxed] [@@noalloc]
"#,
    );
    assert!(compared == 8 || compared == usize::MAX, "{compared}");
}
