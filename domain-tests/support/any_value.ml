external hold : 'a -> int -> 'a Lwt.t = "hold"
external drop_elsewhere : 'a -> int -> int -> unit Lwt.t = "drop_elsewhere"
