type t

external create : max_body:int -> t = "http_client"
external get : t -> string -> Message.response Lwt.t = "http_get"
