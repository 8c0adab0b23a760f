(** Exceptions that arrive from nowhere, in the library's own code. *)

exception Alarm

(** Where they come from. *)
type source =
  | Signals  (** A signal handler, which any domain runs. *)
  | Memprof
      (** Callbacks of [Gc.Memprof] on the calling domain, at random allocations. *)
  | Finalisers
      (** Finalisers of the calling domain, after minor collections, and its [Gc] alarms.
          They seldom run in the library's own code. *)

val is_armed : bool Atomic.t
(** [true] while exceptions are raised. *)

val raised : source -> int
(** The number of exceptions from this source so far. *)

val during : source -> (unit -> 'a) -> 'a
(** [during source f] is [f ()]. Meanwhile {!Alarm} is raised where the innermost frame
    with a place in a source file is one of [lwt_interop], or of dlwt's exit actions:
    Lwt's own functions and those of tests are not interrupted. *)

val unless_interrupted : (unit -> 'a) -> 'a option
(** [unless_interrupted f] is [None] if [f] raises {!Alarm}. *)
