(** Outcomes of operations, and checks that return one. *)

module Handle = Lwt_interop.Handle

exception Own of int ref
(** An exception whose identity can be checked. *)

(** {1 Outcomes} *)

val value : string
val cancelled : string
val domain_terminated : string
val expected_error : string

(** {1 Checks} *)

val check : string -> bool -> string -> string Lwt.t
(** [check what ok outcome] is fulfilled with [outcome] if [ok], otherwise it fails. *)

val gives : string -> 'a -> 'a Lwt.t -> string Lwt.t
(** [gives what expected p] checks that [p] is fulfilled with [expected]: {!value}. *)

val fails : string -> 'a Lwt.t -> (exn -> bool) -> string Lwt.t
(** [fails what p is_expected] checks that [p] is rejected with an exception that
    satisfies [is_expected]: {!expected_error}. *)

val value_or_cancelled : string Lwt.t -> string Lwt.t
(** [value_or_cancelled p] is [p], or {!cancelled} if [p] is cancelled. *)

val unless_terminated : Handle.t -> string Lwt.t -> string Lwt.t
(** [unless_terminated peer p] is [p], or {!domain_terminated} if [p] fails because [peer]
    has terminated. Domain 0 never terminates. *)

val text_unless_terminated : Handle.t -> string -> string -> string Lwt.t
(** [text_unless_terminated peer expected text] checks that [text] is [expected]
    ({!value}) or says that [peer] has terminated ({!domain_terminated}). *)

val dropped : int -> unit Lwt.t
(** [dropped tag] waits until Rust has dropped all futures with this tag. *)

val is_panic : exn -> bool
val is_error : exn -> bool

(** {1 Other domains, and time} *)

val with_terminating : Choice.t -> (Handle.t -> string Lwt.t) -> string Lwt.t
(** [with_terminating choice f] calls [f] with a domain that terminates sooner or later:
    for work that nothing but the end of that domain stops if the caller is cut short. *)

val pauses : int -> unit Lwt.t

val a_while : Choice.t -> unit Lwt.t
(** A few iterations of the loop, or a short timer. *)
