//! Declarations that differ on purpose.

use super::support::*;
use crate::model::Type;

#[test]
fn an_attribute_excludes_an_external() {
    let exports = exports(
        vec![
            func("one", 1)
                .takes(Type::Int, "isize")
                .returns(Type::Int, "isize"),
        ],
        vec![],
    );
    let interface = r#"
external wrong : float -> int = "one" [@@ocaml_lwt.unchecked]
external stale : int -> int = "one__s1" [@@ocaml_lwt.unchecked "with a reason"]
"#;
    let implementation = r#"
external wrong : float -> int = "one" [@@ocaml_lwt.unchecked]
external stale : int -> int = "one__s1" [@@ocaml_lwt.unchecked "with a reason"]
module M = struct
  external right : int -> int = "one"
  external same_symbol : string -> int = "one"
  (*! same_symbol: argument 1 is string here, int (isize) in Rust (src/lib.rs:1) *)
  external other_attribute : int -> float = "one" [@@unchecked]
  (*! other_attribute: returns float here, int (isize) in Rust (src/lib.rs:1) *)
end
"#;
    let files = [("main.mli", interface), ("main.ml", implementation)];
    let compared = assert_messages_of("unchecked", &exports, &files);
    assert!(compared == 3 || compared == usize::MAX);
}
