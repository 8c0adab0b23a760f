(** What was begun, how it came out, and what is under way. *)

type kind
(** Of things that are counted. *)

val kind : string -> kind
(** A new one. Before {!watch}. *)

val name : kind -> string

val watch : seconds:int -> advice:string -> unit
(** From now on the process ends with code 3 if a single thing takes longer: what is under
    way is printed, and the advice. *)

val watched : domain:int -> kind -> (unit -> 'a Lwt.t) -> 'a Lwt.t
(** Is under way while the promise is pending, without being counted. *)

type entry

val enter : domain:int -> kind -> entry
val leave : entry -> outcome:string -> unit

val cut : entry -> unit
(** It never came to its end: its domain ended first. *)

val fail : string -> unit
(** Something was not as it has to be. Printed at once. *)

val failures : unit -> int
val begun : unit -> int

val open_entries : unit -> int
(** Entered, and neither left nor cut. *)

val report : unit -> string
(** A table of kinds and outcomes. *)
