type t

external create : max_body:int -> t = "http_client"

external forward : t -> string -> (string * string) array -> Message.response Lwt.t
  = "http_forward"
