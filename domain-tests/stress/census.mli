(** The resources of the process: the library's counters, descriptors, threads, memory. *)

type t

val take : unit -> t

val left : t -> string list
(** Describes everything that the library still counts; empty if nothing is left. *)

val left_or_open : base:t -> t -> string list
(** Like {!left}, with descriptors that were not open in [base]. *)

val threads : base:t -> t -> string list
(** Describes the threads that did not exist in [base]. Idle threads of Domain 0's
    blocking pool end after five seconds, those of tokio's blocking pool after ten. *)

type memory = { resident : int; allocated : int }
(** In kB: resident in main memory, and allocated by [malloc]. *)

val memory : unit -> memory
(** Compacts the OCaml heap first. *)
