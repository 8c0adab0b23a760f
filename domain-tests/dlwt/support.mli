(** What the tests of dlwt share. *)

val on_domains : int -> (unit -> unit Lwt.t) -> unit
(** Runs the promise in that many domains at once, each in its own [Lwt_main.run]: the
    initial domain and as many more as needed. Re-raises the first exception. *)

val domain : unit -> int

val check : string -> bool -> unit
(** @raise Failure with that text and the domain. Callable in any domain. *)

val check_string : string -> expected:string -> string -> unit
val contains : string -> part:string -> bool

val descriptors : unit -> int
(** How many the process has open. *)

val resident : unit -> int
(** Resident memory, kB. *)

val under_sanitizer : bool
(** [scripts/sanitize] runs this: how much memory is in use says nothing. *)

val allocated : unit -> int
(** What C has allocated and not freed, in bytes. *)

val busy_threads : unit -> int
(** How many threads of Lwt's pool have a system call. *)

val children : unit -> (int * char) list
(** The children of this process and their states: Z is a zombie. *)

val refused : what:string -> ?owner:int -> (unit -> 'a) -> unit
(** Checks that the call raises [Invalid_argument] whose text names this domain and, if
    given, the owner. *)

val eventually : (unit -> bool) -> unit
(** Waits, without Lwt, until that is so. Fails after ten seconds. *)
