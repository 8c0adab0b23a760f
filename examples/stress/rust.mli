(** The Rust functions that the domains call: see [src/lib.rs]. *)

(** {1 Calls that return a number} *)

val ready : int -> int Lwt.t
val yields : int -> int Lwt.t
val timer : int -> float -> int Lwt.t
val on_tokio : int -> int Lwt.t

val awaits : int Lwt.t -> int Lwt.t
(** [awaits promise] has the outcome of [promise], a value or an exception, which passes
    through Rust. *)

val calls_back : (int -> int Lwt.t) -> int -> int Lwt.t
(** [calls_back f n] has the outcome of [f n]. *)

(** {1 Calls that do not} *)

val never : unit -> int Lwt.t
val fails : int -> int Lwt.t
val panics : int -> int Lwt.t

val on_purpose : string
(** The message of such an error or panic. *)

(** {1 To another domain} *)

val cross_domain : Lwt_interop.Handle.t -> panics:bool -> int Lwt.t
(** [cross_domain domain ~panics] runs a Rust task on [domain], and is its id. *)

(** {1 Once} *)

val silence_panics_on_purpose : unit -> unit
(** [silence_panics_on_purpose ()] stops Rust from printing such panics. *)

val leak : 'a -> unit
(** [leak value] makes Rust keep [value] for ever. *)
