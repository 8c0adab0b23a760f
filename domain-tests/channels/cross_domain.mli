(** Domains that send to each other, and terminate. *)

val suites : (string * unit Alcotest.test_case list) list
