(** What is printed about a run. *)

val summary : Indexer.result -> unit
(** Totals, the most frequent words, and a table of the domains. *)

val comparison : rounds:int -> (int * Indexer.result) list -> unit
(** The wall times of the best of so many runs with these numbers of domains, the first of
    which is what the others are compared with. *)

val unreadable : Files.unreadable list -> unit
(** Says on standard error what could not be read. *)
