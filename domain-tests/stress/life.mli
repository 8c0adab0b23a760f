(** Domains, from birth to death. *)

val live : path:int list -> unit Lwt.t
(** Starts a domain whose decisions are those of this path, and waits for its end. Some do
    all that they planned; others leave their loop with work under way, or fail; some have
    children. *)

val ended : unit -> int
(** How many domains have lived so far. *)

val most : unit -> int
(** How many there were at the same time. *)
