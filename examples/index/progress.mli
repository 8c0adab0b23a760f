(** The progress of a run, shown by Rust's indicatif. Any domain may report to it. *)

type t

val show : title:string -> (t -> 'a Lwt.t) -> 'a Lwt.t
(** [show ~title work] is [work progress]. Until it is resolved, a progress bar is shown
    on standard error, unless that is not a terminal. *)

val listed : t -> int -> unit
(** [listed progress n] adds [n] files that are to be done. *)

val all_listed : t -> unit
(** [all_listed progress] reports that there are no more files to list. *)

val file_done : t -> bytes:int -> unit
(** [file_done progress ~bytes] reports that a file is done. *)
