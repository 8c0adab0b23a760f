(** The domains that operations send work to; some of them have terminated. *)

module Handle = Lwt_interop.Handle

val domain_0 : unit -> Handle.t

val add : Handle.t -> unit
(** Adds a domain, in the place of an earlier one. *)

val any : Choice.t -> Handle.t
(** One of the domains, or {!domain_0}. *)

val terminating : Choice.t -> Handle.t option
(** One of the domains, none of which outlives the test. [None] if there is none yet. *)

val clear : unit -> unit
