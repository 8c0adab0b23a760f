(** The domains that answer requests. On Domain 0. *)

type t

val start :
  domains:int ->
  join:(unit -> unit) ->
  leave:(Lwt_interop.Handle.t -> unit Lwt.t) ->
  t Lwt.t
(** Starts so many domains, each of which calls [join]. Before one ends, [leave] is
    awaited. *)

val replace_every : t -> float -> 'a Lwt.t
(** Every so many seconds a new domain takes the place of one, in turn, until it is
    cancelled. There is no use in that but to show that no client notices. *)

val stop : t -> deadline:float -> unit Lwt.t
(** Ends them all, those that cannot leave after [deadline] seconds. *)
