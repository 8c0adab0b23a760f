(** The Rust half: sockets and frames. *)

(** The functions that answer requests, one for each domain. *)
module Handlers : sig
  type t

  val create : unit -> t
  (** [create ()] is an empty set of handlers. *)

  val join : t -> (Session.t -> Router.request -> Router.outcome Lwt.t) -> unit
  (** [join handlers f] makes the calling domain answer requests with [f]. Each request
      goes to the domain with the fewest under way. *)

  val leave : t -> Lwt_interop.Handle.t -> unit Lwt.t
  (** [leave handlers domain] sends no more requests to [domain]. Fulfilled when the
      domain has answered those that it has. *)
end

type t
(** A server. It stops when it is garbage-collected: keep it until {!stop}. *)

type limits = {
  max_clients : int;
  max_bulk : int;
      (** The longest argument in bytes. All arguments of a command may have twice as
          many. *)
  write_timeout : float;
      (** The seconds after which a client that reads none of its replies is disconnected.
      *)
}

val listen : Handlers.t -> string -> limits -> (t, string) result Lwt.t
(** [listen handlers "127.0.0.1:6380" limits] is a server that listens there, or the
    reason why it cannot. With port 0 the system chooses a port. *)

val address : t -> string
(** [address server] is the address that it listens on, with the port. *)

val stop : t -> float -> unit Lwt.t
(** [stop server seconds] accepts no more connections, and closes the open ones when the
    commands that were read are answered, or after [seconds] seconds. *)
