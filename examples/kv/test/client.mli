(** A client of the server. *)

open Example_kv

val io : Lwt_interop.Pool.tokio
(** The kind of the tests' server, from the variable [IO]: [shared] or [own]. *)

type t

val connect : string -> t Lwt.t
(** [connect "127.0.0.1:6380"], or [connect path] with the path of a socket, is a
    connection to the server there. *)

val close : t -> unit Lwt.t

val encode : string list -> string
(** [encode command] is the frame of [command]. *)

val write : t -> string -> unit Lwt.t
(** [write client bytes] sends [bytes], which need not be commands. *)

val read : t -> Reply.t Lwt.t
(** [read client] is the next reply. Rejected with [End_of_file] if the server has closed
    the connection. *)

val read_bytes : t -> int -> string Lwt.t
(** [read_bytes client n] is the next [n] bytes. *)

val ends : t -> unit Lwt.t
(** [ends client] skips what the server sends, and is fulfilled when the server has closed
    the connection. *)

val call : t -> string list -> Reply.t Lwt.t
(** [call client command] is the reply to [command]. *)

val pipeline : t -> string list list -> Reply.t list Lwt.t
(** [pipeline client commands] sends [commands] at once, and is their replies. *)
