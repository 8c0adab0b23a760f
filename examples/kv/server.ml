module Handlers = struct
  type t

  external create : unit -> t = "kv_handlers"

  external join : t -> (Session.t -> Router.request -> Router.outcome Lwt.t) -> unit
    = "kv_join"

  external leave : t -> Lwt_interop.Handle.t -> unit Lwt.t = "kv_leave"
end

type t
type limits = { max_clients : int; max_bulk : int; write_timeout : float }

external listen : Handlers.t -> string -> limits -> (t, string) result Lwt.t = "kv_listen"
external address : t -> string = "kv_address"
external stop : t -> float -> unit Lwt.t = "kv_stop"
