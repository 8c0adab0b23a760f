(** The domains of the server: each answers clients and owns shards. To be used on one
    domain. *)

type t

val start : ?clock:(unit -> int) -> domains:int -> Server.t -> t Lwt.t
(** [start ~domains server] starts [domains] domains with an empty keyspace, which answer
    the clients of [server]. [clock ()] is the time in milliseconds, by default since
    1970.

    @raise Failure if OCaml refuses a domain. *)

val replace : t -> int -> unit Lwt.t
(** [replace workers i] replaces domain [i], counted from 0, by a new one, which takes
    over its shards. The old domain ends when it has answered all requests that it has.
    Clients do not notice. *)

val stop : t -> unit Lwt.t
(** [stop workers] ends all domains. *)
