(** Shared by the tests of dlwt. *)

val on_domains : int -> (unit -> unit Lwt.t) -> unit
(** [on_domains n f] runs [f ()] in [n] domains at once, each in its own [Lwt_main.run]:
    the initial domain and [n - 1] new ones. Raises the first exception again. *)

val elsewhere : (unit -> 'a) -> 'a
(** [elsewhere f] is [f ()], called in a new domain. *)

val domain : unit -> int
(** Returns the calling domain's number. *)

val check : string -> bool -> unit
(** [check what ok] raises [Failure] with [what] and the domain's number unless [ok].
    Unlike Alcotest's checks it can be called in any domain. *)

val check_string : string -> expected:string -> string -> unit
(** [check_string what ~expected s] checks that [s] is [expected]. *)

val contains : string -> part:string -> bool
(** [contains text ~part] is [true] if [part] occurs in [text]. *)

val descriptors : unit -> int
(** Returns the number of descriptors that the process has open. *)

val resident : unit -> int
(** Returns the process's resident memory in kB. *)

val under_sanitizer : bool
(** [true] if [scripts/sanitize] runs the test, whose memory usage is then meaningless. *)

val sanitizer : string option
(** The sanitizer's name, as in [scripts/sanitize tsan]. *)

val allocated : unit -> int
(** Returns how many bytes C code has allocated and not freed. *)

val busy_threads : unit -> int
(** Returns the number of threads of Lwt's pool that run a system call. *)

val children : unit -> (int * char) list
(** Returns the children of this process and their states: Z is a zombie. *)

val refused : what:string -> ?owner:int -> (unit -> 'a) -> unit
(** [refused ~what f] checks that [f ()] raises [Invalid_argument] with a message that
    names the calling domain and, if given, the [owner]. *)

val eventually : (unit -> bool) -> unit
(** [eventually condition] waits, without Lwt, until [condition ()]. Fails after
    {!patience} seconds. *)

val patience : float
(** The seconds after which something counts as lost: more than a busy machine needs. *)
