type t

type limits = {
  connections : int;
  body_bytes : int;
  read_seconds : float;
  write_seconds : float;
}

external listen : string -> limits -> t Lwt.t = "http_listen"
external address : t -> string = "http_address"
external join : t -> (Message.request -> Message.response Lwt.t) -> unit = "http_join"
external leave : t -> Lwt_interop.Handle.t -> unit Lwt.t = "http_leave"
external stop : t -> deadline:float -> int Lwt.t = "http_stop"
