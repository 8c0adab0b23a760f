(** Domains join and leave [Workers] while threads call them all the time. *)

val suites : (string * unit Alcotest.test_case list) list
