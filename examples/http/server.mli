(** The server's connections, which Rust's hyper serves. *)

type t

type limits = {
  connections : int;  (** at a time; more wait in the system's queue *)
  body_bytes : int;  (** of a request; longer bodies get 413 *)
  read_seconds : float;  (** within which a request has to arrive *)
  write_seconds : float;
      (** after which a client that reads nothing of its response is disconnected *)
}

external listen : string -> limits -> t Lwt.t = "http_listen"
(** [listen "127.0.0.1:8080" limits] is a server that listens there. With port 0 the
    system chooses a port. Rejected with [Rust_error] if the address is not available. *)

external address : t -> string = "http_address"
(** [address server] is the address that it listens on, with the port. *)

external join : t -> (Message.request -> Message.response Lwt.t) -> unit = "http_join"
(** [join server handler] makes the calling domain answer requests with [handler]. Each
    request goes to the domain with the fewest under way. If the client disconnects, the
    promise is cancelled. If the promise is rejected, the response is 500. *)

external leave : t -> Lwt_interop.Handle.t -> unit Lwt.t = "http_leave"
(** [leave server domain] sends no more requests to [domain]. Fulfilled when the domain
    has answered those that it has. *)

external stop : t -> deadline:float -> int Lwt.t = "http_stop"
(** [stop server ~deadline] accepts no more connections, and waits until the open ones
    have been served. Those that take longer than [deadline] seconds are closed; the
    result is their number. *)
