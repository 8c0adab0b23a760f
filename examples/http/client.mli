(** An HTTP client, hyper's, which keeps connections open for later requests. Any domain
    may use it. *)

type t

external create : max_body:int -> t = "http_client"
(** [create ~max_body] is a client for responses whose bodies have up to [max_body] bytes.
*)

external forward : t -> string -> (string * string) array -> Message.response Lwt.t
  = "http_forward"
(** [forward client url headers] is the response to a GET request on behalf of one that
    had [headers]. Neither the request nor the response has hop-by-hop headers: see
    [src/hop_by_hop.rs]. Rejected with [Rust_error] if there is no response. Cancelling
    the promise cancels the request. *)
