(** The output during a run. *)

type t

val create : title:string -> Lives.t -> t

val show : t -> 'a Lwt.t -> 'a Lwt.t
(** [show screen work] is [work]. Until it is resolved, a table is kept up to date, or, if
    standard output is not a terminal, a line is printed each second. *)

val table : t -> unit
(** [table screen] prints the table, in place of the last one. *)

val megabytes : int -> string
(** [megabytes 23400] is ["23.4 MB"]: the argument is in kB. *)
