(** The domains that answer requests. To be used on Domain 0. *)

type t

val start :
  domains:int ->
  join:(unit -> unit) ->
  leave:(Lwt_interop.Handle.t -> unit Lwt.t) ->
  t Lwt.t
(** [start ~domains ~join ~leave] starts [domains] domains, each of which calls [join].
    [leave domain] is awaited before a domain ends. *)

val replace_every : t -> float -> 'a Lwt.t
(** [replace_every workers seconds] replaces one domain after the other by a new one, one
    every [seconds] seconds, until it is cancelled. Its only use is to show that clients
    do not notice. *)

val stop : t -> deadline:float -> unit Lwt.t
(** [stop workers ~deadline] ends all domains. Those that cannot leave within [deadline]
    seconds are ended all the same. *)
