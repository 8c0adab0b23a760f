(** The handlers of requests: ordinary Lwt functions. *)

type t = {
  sessions : Sessions.t;
  client : Rust.Client.t;
  upstream : string option;  (** where [/proxy/...] leads *)
  timeout : float;  (** for a handler, in seconds *)
  rounds_per_us : float;  (** see {!Compute} *)
}

val handle : t -> Rust.request -> Rust.response Lwt.t
(** [handle routes request] is the response to [request]. A handler that takes longer than
    [timeout] is cancelled, and the response is 504; the time in which the body arrives
    does not count. Any domain may call it. *)
