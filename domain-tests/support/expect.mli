(** Checks. Alcotest's own print on one formatter, which domains cannot share; these
    raise, and name the domain. *)

val under_sanitizer : bool
(** [scripts/sanitize] runs this: how much memory is in use says nothing. *)

val failf : ('a, unit, string, 'b) format4 -> 'a
val that : string -> bool -> unit
val int : string -> int -> int -> unit
val string : string -> string -> string -> unit
val contains : string -> part:string -> string -> unit
val is_part : string -> part:string -> bool

val rejected : string -> 'a Lwt.t -> exn Lwt.t
(** The exception of a promise. *)

val raised : string -> (unit -> 'a) -> exn
(** The exception of a function. *)

val panicked : string -> ?place:string -> message:string -> exn -> unit
(** It is [Rust_panic] with this message, and its location is in a file of that name. *)

val cancelled : string -> 'a Lwt.t -> unit Lwt.t
(** The promise is rejected with [Lwt.Canceled]. *)

val answer : string -> int -> (int, string) result Lwt.t -> unit Lwt.t
(** The promise comes to this number. *)

val told : string -> part:string -> (int, string) result Lwt.t -> unit Lwt.t
(** The promise comes to an error whose text has this part. *)

val eventually : (unit -> bool) -> unit Lwt.t
(** Waits in the domain's loop until it holds. *)

val eventually_blocking : (unit -> bool) -> unit
(** The same without a loop. *)
