(** Domains, from their start to their end. *)

val run : path:int list -> unit Lwt.t
(** Starts a domain whose decisions are those of [path], and waits until it has
    terminated. Some domains perform all operations that they planned; others leave their
    loop while operations are in progress, or fail; some start domains themselves. *)

val terminated : unit -> int
(** The number of domains that have terminated so far. *)

val most : unit -> int
(** The largest number of domains at one time. *)
