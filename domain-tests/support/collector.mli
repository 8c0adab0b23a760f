(** Garbage collections at every opportunity. *)

val collect : int -> unit
(** [collect n] runs a collection; [n] selects a compaction, a major or a minor one. *)

val between_iterations : unit -> unit
(** Adds a collection before and after each wait of the loop, for the calling domain and
    for every domain that is started later. *)

val beside : (unit -> 'a) -> 'a
(** [beside f] is [f ()], while another domain does nothing but collect. *)
