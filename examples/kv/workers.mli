(** The domains that serve: each answers clients, and owns shards. *)

type t

val start : ?clock:(unit -> int) -> domains:int -> unit -> t Lwt.t
(** Starts so many, with an empty keyspace. [clock] tells milliseconds: those since 1970,
    unless told otherwise. It, and all that follow, are called on one domain.

    @raise Failure if OCaml refuses a domain. *)

val workers : t -> Server.Workers.t

val replace : t -> int -> unit Lwt.t
(** Puts a new domain into the place of one, the first of which is 0: the new one takes
    over its shards, and the old one ends when it has answered all that it got. Clients do
    not notice. *)

val stop : t -> unit Lwt.t
(** Ends all domains. *)
