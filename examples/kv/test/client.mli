(** A client of the server. *)

open Example_kv

type t

val connect : string -> t Lwt.t
(** To an address like [127.0.0.1:6380]. *)

val close : t -> unit Lwt.t
val encode : string list -> string

val write : t -> string -> unit Lwt.t
(** Sends bytes, whether or not they are commands. *)

val read : t -> Reply.t Lwt.t
(** The next reply. [End_of_file] if the server has closed the connection. *)

val read_bytes : t -> int -> string Lwt.t

val ends : t -> unit Lwt.t
(** Fulfilled when the server has closed the connection, whatever comes before. *)

val call : t -> string list -> Reply.t Lwt.t
val pipeline : t -> string list list -> Reply.t list Lwt.t
