(** Assertions. Alcotest's own assertions print through one formatter, which domains
    cannot share; these raise an exception that names the domain. The first argument of
    each says what is checked. *)

val under_sanitizer : bool
(** [true] if [scripts/sanitize] runs the program: its use of memory then says nothing. *)

val sanitizer : string option
(** The sanitizer's name, as in [scripts/sanitize tsan]. *)

val failf : ('a, unit, string, 'b) format4 -> 'a
val that : string -> bool -> unit
val int : string -> int -> int -> unit
val string : string -> string -> string -> unit
val contains : string -> part:string -> string -> unit
val is_part : string -> part:string -> bool

val rejected : string -> 'a Lwt.t -> exn Lwt.t
(** [rejected what p] is the exception that rejects [p]. Fails if [p] is fulfilled. *)

val raised : string -> (unit -> 'a) -> exn
(** [raised what f] is the exception that [f] raises. Fails if [f] returns. *)

val panicked : string -> ?place:string -> message:string -> exn -> unit
(** [panicked what ~place ~message e] checks that [e] is [Rust_panic] with exactly this
    message, and that its location contains [place]. *)

val cancelled : string -> 'a Lwt.t -> unit Lwt.t
(** [cancelled what p] checks that [p] is rejected with [Lwt.Canceled]. *)

val answer : string -> int -> (int, string) result Lwt.t -> unit Lwt.t
(** [answer what n p] checks that [p] is fulfilled with [Ok n]. *)

val error : string -> part:string -> (int, string) result Lwt.t -> unit Lwt.t
(** [error what ~part p] checks that [p] is fulfilled with an [Error] whose text contains
    [part]. *)

val eventually : (unit -> bool) -> unit Lwt.t
(** [eventually condition] is fulfilled when [condition] holds. The domain's loop runs
    meanwhile. *)

val eventually_blocking : (unit -> bool) -> unit
(** [eventually_blocking condition] blocks the thread until [condition] holds. *)

val status_of : int -> Unix.process_status
(** [status_of pid] is the status of a child, once it has ended. Signals, such as that of
    another child, do not interrupt it. *)
