(** The domains that answer requests. To be used on Domain 0. *)

type t

val start :
  domains:int ->
  tokio:Lwt_interop.Pool.tokio ->
  join:(unit -> unit) ->
  leave:(Lwt_interop.Handle.t -> unit Lwt.t) ->
  t Lwt.t
(** [start ~domains ~tokio ~join ~leave] starts [domains] domains, each of which calls
    [join]. [leave domain] is awaited before a domain ends. *)

val replace_every : t -> float -> failed:(exn -> unit) -> 'a Lwt.t
(** [replace_every workers seconds ~failed] replaces one domain after the other by a new
    one, one every [seconds] seconds, until it is cancelled. Its only use is to show that
    clients do not notice. If a domain cannot be replaced, it calls [failed] with the
    reason, and tries again after [seconds] seconds. *)

val stop : t -> deadline:float -> bool Lwt.t
(** [stop workers ~deadline] ends all domains when they have answered the requests that
    they have. It is [false] if some have not ended within [deadline] seconds: then a
    handler goes on although it was cancelled. OCaml cannot stop such a domain, but
    {!Unix._exit} ends the process. *)
