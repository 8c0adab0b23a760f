//! Plain numbers: `[@unboxed]`, `[@untagged]` and `[@@noalloc]`.

use super::support::*;
use crate::model::{Exports, Type};

fn library() -> Exports {
    let all = |line, name: &str| {
        func(name, line)
            .takes(Type::Int, "isize")
            .takes(Type::Float, "f64")
            .takes(Type::Int32, "i32")
            .takes(Type::Int64, "i64")
            .takes(Type::Nativeint, "Nativeint")
            .returns(Type::Float, "f64")
    };
    exports(
        vec![
            all(1, "sum").unboxed(),
            func("twice", 2)
                .takes(Type::Int, "isize")
                .returns(Type::Int, "isize")
                .noalloc(),
            func("zero", 3).returns(Type::Int, "isize").unboxed(),
            func("boxed", 4)
                .takes(Type::Int, "isize")
                .returns(Type::Int, "isize"),
            all(5, "six").takes(Type::Int, "isize").unboxed(),
        ],
        vec![],
    )
}

#[test]
fn attributes() {
    let compared = assert_messages(
        "attributes",
        &library(),
        r#"
external sum :
  (int[@untagged]) -> (float[@unboxed]) -> (int32[@unboxed]) -> (int64[@unboxed]) -> (nativeint[@unboxed]) -> (float[@unboxed])
  = "sum" "sum_unboxed"
external boxed_sum : int -> float -> int32 -> int64 -> nativeint -> float = "sum"
external both_boxed : int -> float -> int32 -> int64 -> nativeint -> float = "sum" "sum"
external zero : unit -> (int[@untagged]) = "zero" "zero_unboxed"
external six :
  (int[@untagged]) -> (float[@unboxed]) -> (int32[@unboxed]) -> (int64[@unboxed]) -> (nativeint[@unboxed]) -> (int[@untagged]) -> (float[@unboxed])
  = "six_bytecode" "six_unboxed"
external boxed_six : int -> float -> int32 -> int64 -> nativeint -> int -> float = "six_bytecode" "six"

external forgotten : (int[@untagged]) -> int = "twice" "twice_unboxed"
(*! forgotten: returns int here, (int [@untagged]) (isize) in Rust (src/lib.rs:2) *)
external all_forgotten : int -> int = "twice" "twice_unboxed"
(*! all_forgotten: argument 1 is int here, (int [@untagged]) (isize) in Rust (src/lib.rs:2) *)
(*! all_forgotten: returns int here, (int [@untagged]) (isize) in Rust (src/lib.rs:2) *)
external boxed_symbol : (int[@untagged]) -> (int[@untagged]) = "twice" "twice"
(*! boxed_symbol: argument 1 is (int [@untagged]) here, int (isize) in Rust (src/lib.rs:2): only "twice_unboxed" takes plain numbers *)
(*! boxed_symbol: returns (int [@untagged]) here, int (isize) in Rust (src/lib.rs:2): only "twice_unboxed" takes plain numbers *)
external other_type : (float[@unboxed]) -> (int[@untagged]) = "twice" "twice_unboxed"
(*! other_type: argument 1 is (float [@unboxed]) here, (int [@untagged]) (isize) in Rust (src/lib.rs:2) *)
external no_such_symbol : (int[@untagged]) -> (int[@untagged]) = "boxed" "boxed_unboxed"
(*! no_such_symbol: native code calls "boxed_unboxed": the last symbol of the Rust function boxed (src/lib.rs:4) must be "boxed" *)
(*! no_such_symbol: argument 1 is (int [@untagged]) here, int (isize) in Rust (src/lib.rs:4): the function takes no plain numbers; write #[func(sync, unboxed)], or remove the attributes *)
(*! no_such_symbol: returns (int [@untagged]) here, int (isize) in Rust (src/lib.rs:4): the function takes no plain numbers; write #[func(sync, unboxed)], or remove the attributes *)
"#,
    );
    assert!(compared >= 11);
}

#[test]
fn noalloc() {
    assert_messages(
        "noalloc",
        &library(),
        r#"
external twice : (int[@untagged]) -> (int[@untagged]) = "twice" "twice_unboxed" [@@noalloc]
external twice_that_allocates : (int[@untagged]) -> (int[@untagged]) = "twice" "twice_unboxed"
external boxed_twice : int -> int = "twice" [@@noalloc]
(*! boxed_twice: [@@noalloc] is unsound here, because the Rust function (src/lib.rs:2) may allocate, raise or call OCaml: only "twice_unboxed" may be called so *)
external zero : unit -> (int[@untagged]) = "zero" "zero_unboxed" [@@noalloc]
(*! zero: [@@noalloc] is unsound here, because the Rust function (src/lib.rs:3) may allocate, raise or call OCaml: remove it *)
external boxed : int -> int = "boxed" [@@noalloc]
(*! boxed: [@@noalloc] is unsound here, because the Rust function (src/lib.rs:4) may allocate, raise or call OCaml: remove it *)
"#,
    );
}
