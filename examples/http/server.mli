(** The server's connections, which Rust's hyper serves. *)

type t

type limits = {
  connections : int;  (** at a time; more wait in the system's queue *)
  body_bytes : int;  (** of a request; more is 413 *)
  read_seconds : float;  (** for a request to arrive *)
}

external listen : string -> limits -> t Lwt.t = "http_listen"
(** [listen "127.0.0.1:8080" limits]; port 0 is any. Rejects with [Rust_error] if the
    address is not to be had. *)

external address : t -> string = "http_address"

external join : t -> (Message.request -> Message.response Lwt.t) -> unit = "http_join"
(** The calling domain answers requests from now on: each goes to the domain with the
    fewest under way. If the client goes away, the promise is cancelled. If it is
    rejected, the answer is 500. *)

external leave : t -> Lwt_interop.Handle.t -> unit Lwt.t = "http_leave"
(** The domain gets no more requests. Fulfilled when it has answered those that it has. *)

external stop : t -> deadline:float -> int Lwt.t = "http_stop"
(** Accepts no more connections, and waits until those that there are have been served.
    What takes longer than [deadline] seconds is cut off; the result is how many that
    were. *)
