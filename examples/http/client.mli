(** An HTTP client, hyper's: it keeps connections for the next request. Any domain. *)

type t

external create : max_body:int -> t = "http_client"
(** Bodies may be [max_body] bytes long. *)

external get : t -> string -> Message.response Lwt.t = "http_get"
(** Rejects with [Rust_error] if there is no response. Cancelling ends the request. *)
