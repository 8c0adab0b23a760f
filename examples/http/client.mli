(** An HTTP client, hyper's, which keeps connections open for later requests. Any domain
    may use it. *)

type t

external create : max_body:int -> t = "http_client"
(** [create ~max_body] is a client for responses whose bodies have up to [max_body] bytes.
*)

external get : t -> string -> Message.response Lwt.t = "http_get"
(** [get client url] is the response to a GET request. Rejected with [Rust_error] if there
    is none. Cancelling the promise cancels the request. *)
