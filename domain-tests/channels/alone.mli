val contents : 'a Lwt_interop.Channel.t -> 'a list
(** Takes what is in it. *)

val suites : (string * unit Alcotest.test_case list) list
