(** The table of all commands, which clients can read with [COMMAND]. *)

val names : string list
(** The names of all commands, in lower case. *)

val wrong : string -> string list -> Reply.t option
(** [wrong name arguments] is the error if there is no command [name], or not with so many
    arguments. *)

val reply : string list -> Reply.t
(** [reply arguments] is the reply to [COMMAND arguments], whose first one is in upper
    case. *)
