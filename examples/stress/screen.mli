(** What the user sees while it runs. *)

type t

val create : title:string -> Lives.t -> t

val show : t -> 'a Lwt.t -> 'a Lwt.t
(** [show t work] keeps a table up to date until [work] is settled; where standard output
    is no terminal, it writes a line each second. *)

val table : t -> unit
(** The table as it is now, in place of the last one. *)

val megabytes : int -> string
(** [23.4 MB], of a number of kB. *)
