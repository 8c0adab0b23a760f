(** Runs a test on every kind of domain. *)

type case
(** A test that may run on any domain. *)

val case : string -> (unit -> unit Lwt.t) -> case
(** [case name body] may run on several domains at once. *)

val alone : string -> (unit -> unit Lwt.t) -> case
(** [alone name body] depends on state of the whole process, such as its counters, so it
    runs on one domain at a time. *)

val suites :
  ?on:string list ->
  ?several:int list ->
  case list ->
  (string * unit Alcotest.test_case list) list
(** [suites cases] is one suite for each place: [on] a single domain (["Domain 0"],
    ["a domain"] that [Domain.spawn] made, ["a pool's domain"]; all of them by default),
    and on [several] domains at once (two, and four, by default). *)

val plain : string -> (unit -> unit) -> unit Alcotest.test_case
(** [plain name body] is a test that starts its domains itself. *)

val on_domains : int -> (int -> unit Lwt.t) -> unit
(** [on_domains n f] runs [f i], for [i] from 0 to [n - 1], in the Lwt loops of [n]
    domains at once. The calling domain runs [f 0], new domains run the others. *)

val on_domain : (unit -> 'a Lwt.t) -> 'a
(** [on_domain f] is the result of [f], which runs in the loop of a new domain. The
    calling domain blocks until the new one has terminated. *)

val scaled : scale:int -> int -> int
(** [scaled ~scale n] is [n / scale], but at least 6: the number of repetitions where
    everything is done [scale] times less often. *)

val tag : unit -> int
(** A number that no other caller gets, as a key of Rust's counters and tables. *)

val nothing_left : unit -> unit Alcotest.test_case
(** The last test of a program: every call has been resolved, and Rust holds no root,
    slot, task or message. *)

(** {1 Another domain} *)

type other = {
  handle : Lwt_interop.Handle.t;
  id : int;
  leave : unit -> unit;
      (** Makes the domain leave its loop, and returns when it has left. *)
  end_ : unit -> unit;
      (** Asks the domain to terminate, which it does after it has left its loop. *)
  join : unit -> unit;  (** Blocks until the domain has terminated. *)
}

val other : ?before_end:(unit -> unit) -> unit -> other
(** Starts a domain and returns when its loop runs. The domain calls [before_end] after it
    has left its loop, before it terminates. *)

val with_other : (other -> 'a Lwt.t) -> 'a Lwt.t
(** [with_other f] is [f other], where [other] terminates when the promise of [f] is
    resolved. *)
