(** What the domains call: see [src/lib.rs]. *)

(** {1 Calls that give a number} *)

val ready : int -> int Lwt.t
val yields : int -> int Lwt.t
val timer : int -> float -> int Lwt.t
val on_tokio : int -> int Lwt.t

val awaits : int Lwt.t -> int Lwt.t
(** What the promise comes to, a value or an exception, by way of Rust. *)

val calls_back : (int -> int Lwt.t) -> int -> int Lwt.t
(** [calls_back f n] is what [f n] comes to. *)

(** {1 Calls that do not} *)

val never : unit -> int Lwt.t
val fails : int -> int Lwt.t
val panics : int -> int Lwt.t

val on_purpose : string
(** What such an error or panic says. *)

(** {1 To another domain} *)

val visit : Lwt_interop.Handle.t -> panics:bool -> int Lwt.t
(** Has a Rust task run on a domain, and gives the domain's id. *)

(** {1 Once} *)

val silence_panics_on_purpose : unit -> unit

val leak : 'a -> unit
(** Has Rust keep a value for good. *)
