(** The domains that others send work to; some of them have ended. *)

module Handle = Lwt_interop.Handle

val home : unit -> Handle.t
(** Domain 0. *)

val add : Handle.t -> unit
(** In place of one that came before. *)

val any : Choice.t -> Handle.t
(** One of them, or {!home}. *)

val mortal : Choice.t -> Handle.t option
(** One that ends sooner or later. *)

val clear : unit -> unit
