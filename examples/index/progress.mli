(** How far a run is. *)

type t

val create : unit -> t

(** {1 To be told by any domain} *)

val listed : t -> int -> unit
(** So many more files are to be done. *)

val all_listed : t -> unit

val file_done : t -> bytes:int -> unit
(** One more file is done. *)

(** {1 Showing} *)

val files_done : t -> int

val show : t -> title:string -> 'a Lwt.t -> 'a Lwt.t
(** [show t ~title work] keeps a progress bar on standard error up to date until [work] is
    settled, then wipes it out. Without a terminal there it shows nothing. *)
