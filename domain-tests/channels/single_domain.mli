(** One domain that sends and receives. *)

val contents : 'a Lwt_interop.Channel.t -> 'a list
(** [contents channel] removes all elements and is their list, oldest first. *)

val run_loop : unit -> unit Lwt.t
(** [run_loop ()] is fulfilled when the domain has processed the messages that it has sent
    to itself. *)

val received : string -> 'a -> 'a Lwt.t -> unit Lwt.t
(** [received what expected p] checks the value of [p]. *)

module Make (_ : Representation.S) : sig
  val suites : (string * unit Alcotest.test_case list) list
end
