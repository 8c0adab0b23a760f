(** Channels that Rust and OCaml use. *)

val suites : (string * unit Alcotest.test_case list) list
