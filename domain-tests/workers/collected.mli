(** Rust values that OCaml collects where no loop is about to look. *)

val suites : (string * unit Alcotest.test_case list) list
