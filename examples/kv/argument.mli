(** The arguments of commands, and the replies to wrong ones. *)

exception Rejected of Reply.t
(** The command is wrong; the reply has Redis's own error text. *)

val reject : ('a, unit, string, 'b) format4 -> 'a
(** [reject format ...] raises {!Rejected} with an error. *)

val syntax_error : unit -> 'a
val not_an_integer : Reply.t

val upper : string -> string
(** [upper name] is the name of a command or an option in upper case. *)

val int64_opt : string -> int64 option
(** [int64_opt text] is the integer [text], if it is one as Redis writes it. *)

val int64 : string -> int64
(** [int64 text] is the integer [text]. *)

val int : string -> int
(** [int text] is the integer [text], which has to fit OCaml's type. *)

val position : string -> int
(** [position text] is the integer [text], or a distant one on the same side: a position
    in a string that is far outside of it. Positions and lengths can be added. *)
