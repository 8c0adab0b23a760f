(** Opaque values that OCaml collects while no loop is running. *)

val suites : (string * unit Alcotest.test_case list) list
