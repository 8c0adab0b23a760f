(** What the process has: counters of the library, descriptors, threads, memory. *)

type t

val take : unit -> t

val left : t -> string list
(** What the library counts and is not yet gone: empty when nothing is left. *)

val left_or_open : base:t -> t -> string list
(** The same, and descriptors that were not open before. *)

val threads : base:t -> t -> string list
(** Threads that were not there before. Some take seconds to end when they have nothing to
    do: those of the lane five, those of tokio's blocking pool ten. *)

type memory = { resident : int; allocated : int }
(** In kB: in main memory, and given out by [malloc]. *)

val memory : unit -> memory
(** After a compaction. *)
