(** The processes that the tests start. *)

val start : ?env:string array -> string array -> int * in_channel
(** [start command] is the number of a new process, and the channel of its output. *)

val finish : int * in_channel -> string * Unix.process_status
(** [finish process] waits for the end of the process. It is the rest of its output, and
    its status. *)

val program : string -> string array
(** [program name] is the command that runs this test's program [name]. *)

val signals : string -> string -> int64
(** [signals name text] is the set of signals in the line [name] of [text], which is a
    [/proc/PID/status]. *)
