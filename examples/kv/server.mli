(** The Rust half: sockets and frames. *)

(** The domains that answer. *)
module Workers : sig
  type t

  val create : unit -> t

  val join : t -> (Session.t -> Router.request -> Router.outcome Lwt.t) -> unit
  (** The calling domain answers from now on; of several, the one that has the least to
      do. *)

  val leave : t -> Lwt_interop.Handle.t -> unit Lwt.t
  (** The domain gets nothing more to answer. Fulfilled when it has answered all it got.
  *)
end

type t
(** Serves for as long as it is not collected: keep it until {!stop}. *)

type limits = {
  max_clients : int;
  max_bulk : int;  (** the bytes of an argument; all of a command have twice as many *)
  write_timeout : float;
      (** A client that takes nothing of its replies for so many seconds is let go. *)
}

val listen : Workers.t -> string -> limits -> (t, string) result Lwt.t
(** Listens at an address like [127.0.0.1:6380]; port 0 is one that the system chooses.
    The error says why it does not. *)

val address : t -> string

val stop : t -> float -> unit Lwt.t
(** Takes no more connections, and closes those that are open when the commands that it
    has read are answered, or when so many seconds are over. *)
