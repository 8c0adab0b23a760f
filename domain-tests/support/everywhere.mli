(** Runs a test in every kind of domain. *)

type case
(** A test that does not care which domain it runs in. *)

val case : string -> (unit -> unit Lwt.t) -> case
(** It may run in several domains at once. *)

val alone : string -> (unit -> unit Lwt.t) -> case
(** It looks at the state of the process, so it runs in one domain at a time. *)

val suites :
  ?several:int list -> case list -> (string * unit Alcotest.test_case list) list
(** On Domain 0, on a domain that [Domain.spawn] made, on a pool's, and on [several]
    domains at once: two, and four. *)

val plain : string -> (unit -> unit) -> unit Alcotest.test_case
(** A test that sees to its domains itself. *)

val on_domains : int -> (int -> unit Lwt.t) -> unit
(** [on_domains n f] runs [f i], for [i] from 0 to [n - 1], in the Lwt loops of [n]
    domains at once: the calling one, for 0, and new ones. *)

val on_domain : (unit -> 'a Lwt.t) -> 'a
(** Runs in the loop of a new domain, and waits for its end without a loop. *)

val scaled : scale:int -> int -> int
(** How often, where everything is done [scale] times less often, but still some times. *)

val tag : unit -> int
(** A number for Rust's counters and tables that no other caller gets. *)

val settled : unit -> unit Alcotest.test_case
(** Everything that was called in this process has been settled, and Rust keeps nothing.
    To be the last one. *)

(** {1 Another domain} *)

type other = {
  handle : Lwt_interop.Handle.t;
  id : int;
  leave : unit -> unit;  (** Has it leave its loop, and waits until it has. *)
  end_ : unit -> unit;  (** Asks it to end, which it does once it has left its loop. *)
  join : unit -> unit;  (** Waits for its end, without a loop. *)
}

val other : ?before_end:(unit -> unit) -> unit -> other
(** A new domain that is in its loop. [before_end] is called there, at the end, out of the
    loop. *)

val with_other : (other -> 'a Lwt.t) -> 'a Lwt.t
(** For the time of a function. *)
