//! Symbols with and without the hash of the signature, and those of bytecode.

use super::support::*;
use crate::check::symbols::{Symbols, Target};
use crate::model::{Exports, Symbol, Type};

fn library() -> Exports {
    let mut method = func("Counter_next", 4).takes(Type::Int, "isize");
    method.rust_name = "Counter::next".into();
    let mut six = func("six", 2);
    for _ in 0..6 {
        six = six.takes(Type::Int, "isize");
    }
    exports(
        vec![
            func("one", 1).takes(Type::Int, "isize"),
            six,
            func("plain", 3).takes(Type::Int, "isize").unboxed(),
            method,
        ],
        vec![],
    )
}

#[test]
fn hashes() {
    let source = r#"
external one : int -> unit = "one__sHASH"
external wrong_although_generated : string -> unit = "one__sHASH"
(*! wrong_although_generated: argument 1 is string here, int (isize) in Rust (src/lib.rs:1) *)
external six : int -> int -> int -> int -> int -> int -> unit = "six_bytecode__sHASH" "six__sHASH"
external plain : (int[@untagged]) -> unit = "plain__sHASH" "plain_unboxed__sHASH"

external stale : string -> unit = "one__s1"
(*! stale: was generated from another version of the Rust function one (src/lib.rs:1): generate it again *)
external stale_method : string -> unit = "Counter_next__s18446744073709551615"
(*! stale_method: was generated from another version of the Rust function Counter::next (src/lib.rs:4): generate it again *)
external fewer_arguments : int -> int -> int -> int -> int -> int -> unit = "one_bytecode__s1" "one__s1"
(*! fewer_arguments: was generated from another version of the Rust function one (src/lib.rs:1): generate it again *)
external no_longer_plain : (int[@untagged]) -> unit = "one__s1" "one_unboxed__s1"
(*! no_longer_plain: was generated from another version of the Rust function one (src/lib.rs:1): generate it again *)
external removed : int -> unit = "gone__s12345678901234567890"
(*! removed: Rust exports no function gone *)
external removed_plain : (int[@untagged]) -> unit = "gone__s1234" "gone_unboxed__s1234"
(*! removed_plain: Rust exports no function gone *)
external no_hash : int -> unit = "some__string"
external no_number : int -> unit = "some__s1x"
external too_large : int -> unit = "some__s99999999999999999999"
"#;
    let compared = assert_messages(
        "hashes",
        &library(),
        &source.replace("HASH", &HASH.to_string()),
    );
    assert!(compared >= 10);
}

#[test]
fn bytecode() {
    assert_messages(
        "bytecode",
        &library(),
        &r#"
external six : int -> int -> int -> int -> int -> int -> unit = "six_bytecode" "six"
external mixed : int -> int -> int -> int -> int -> int -> unit = "six_bytecode" "six__sHASH"
external twice_the_same : int -> int -> int -> int -> int -> int -> unit = "six" "six"
(*! twice_the_same: bytecode calls "six": the first symbol of the Rust function six (src/lib.rs:2) must be "six_bytecode" *)
external swapped : int -> int -> int -> int -> int -> int -> unit = "six" "six_bytecode"
(*! swapped: native code calls "six_bytecode": the last symbol of the Rust function six (src/lib.rs:2) must be "six" *)
(*! swapped: bytecode calls "six": the first symbol of the Rust function six (src/lib.rs:2) must be "six_bytecode" *)
external other_bytecode : int -> unit = "one_byte" "one__sHASH"
(*! other_bytecode: bytecode calls "one_byte": the first symbol of the Rust function one (src/lib.rs:1) must be "one__sHASH" *)
external other_native : int -> unit = "one" "one_native"
(*! other_native: native code calls "one_native": the last symbol of the Rust function one (src/lib.rs:1) must be "one" *)
external two_functions : int -> unit = "one" "plain"
(*! two_functions: bytecode calls "one": the first symbol of the Rust function plain (src/lib.rs:3) must be "plain" *)
"#
        .replace("HASH", &HASH.to_string()),
    );
}

#[test]
fn misspelt_symbols() {
    if reader().is_none() {
        return;
    }
    let functions = vec![func("greet", 1), func("connect_to", 2), func("identity", 3)];
    let exports = exports(functions, vec![]);
    let source = r#"
external greet : unit -> unit = "greeet"
external swapped : unit -> unit = "grete"
external long : unit -> unit = "conect_too"
external of_c : unit -> unit = "gather"
external primitive : unit -> unit = "%identity"
external unchecked : unit -> unit = "greets" [@@ocaml_lwt.unchecked]
external right : unit -> unit = "greet"
"#;
    let project = Project::new("misspelt", &[("main.ml", source)]);
    let report = project.check(&exports).expect("a report");
    let warnings: Vec<_> = report.warnings.iter().map(ToString::to_string).collect();
    let expected = [
        "main.ml:2: greet: warning: no Rust function has the symbol greeet: did you mean greet?",
        "main.ml:3: swapped: warning: no Rust function has the symbol grete: did you mean greet?",
        "main.ml:4: long: warning: no Rust function has the symbol conect_too: did you mean connect_to?",
    ];
    assert_eq!(warnings, expected);
    assert!(report.diagnostics.is_empty());
}

#[test]
fn a_name_that_looks_like_a_hash() {
    let exports = exports(vec![func("row__s1", 1), func("row", 2)], vec![]);
    let symbols = Symbols::new(&exports);
    assert!(matches!(
        symbols.target("row__s1"),
        Ok(Target::Function { function, which: Symbol::Native, hashed: false }) if function.place.line == 1
    ));
    assert!(matches!(
        symbols.target("row__s2"),
        Ok(Target::Stale(function)) if function.place.line == 2
    ));
    assert!(matches!(symbols.target("__s2"), Ok(Target::Foreign)));
}
