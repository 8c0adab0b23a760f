(** The operations that have begun, their outcomes, and those in progress. *)

type kind
(** A kind of operation. *)

val kind : string -> kind
(** A new kind. To be called before {!watch}. *)

val name : kind -> string

val watch : seconds:int -> advice:string -> unit
(** Ends the process with exit code 3 if a single operation ever takes longer than
    [seconds], and prints the operations in progress and [advice]. *)

val watched : domain:int -> kind -> (unit -> 'a Lwt.t) -> 'a Lwt.t
(** [watched ~domain kind f] is [f ()]. {!watch} covers it, but it is not counted. *)

type entry
(** An operation in progress. *)

val enter : domain:int -> kind -> entry
val leave : entry -> outcome:string -> unit

val cut_short : string
(** The outcome of an operation whose domain terminated first. *)

val fail : string -> unit
(** Counts a failure, and prints it at once. *)

val failures : unit -> int
val begun : unit -> int

val open_entries : unit -> int
(** The number of operations that were entered and not left. *)

val report : unit -> string
(** A table of kinds and outcomes. *)
