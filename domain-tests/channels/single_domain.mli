(** One domain that sends and receives. *)

val contents : 'a Lwt_interop.Channel.t -> 'a list
(** [contents channel] removes all elements and is their list, oldest first. *)

val suites : (string * unit Alcotest.test_case list) list
