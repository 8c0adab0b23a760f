(** The printed results of a run. *)

val summary : Indexer.result -> unit
(** [summary result] prints totals, the most frequent words, and a table of the domains.
*)

val comparison : rounds:int -> (int * Indexer.result) list -> unit
(** [comparison ~rounds runs] prints the wall times of runs, each the best of [rounds],
    with their numbers of domains. The first one is the baseline. *)

val unreadable : Rust.unreadable list -> unit
(** [unreadable files] prints to standard error what could not be read. *)
