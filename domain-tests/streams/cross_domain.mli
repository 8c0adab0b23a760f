(** Streams that move to another domain. *)

val suites : (string * unit Alcotest.test_case list) list
