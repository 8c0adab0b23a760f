(** Domains come and go while threads call without pause. *)

val suites : (string * unit Alcotest.test_case list) list
