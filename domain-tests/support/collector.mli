(** A garbage collector that is never idle. *)

val collect : int -> unit
(** A collection: which kind, the number says. *)

val between_turns : unit -> unit
(** From now on every domain that is started, and this one, collects between two turns of
    its loop. *)

val beside : (unit -> 'a) -> 'a
(** Runs the function while a domain does nothing else than to collect. *)
