(** [exit] in a domain other than the initial one, or on a thread of the initial one that
    does not run its loop.

    OCaml runs the exit functions of the calling domain and those of [Stdlib.at_exit], and
    ends the process: what the initial domain has registered with [Lwt_main.at_exit], and
    the output in its channels, would be lost. So the caller of [exit] asks the initial
    domain, if that is in [Lwt_main.run], to run its hooks first, and waits until it has.
    If it is elsewhere, or too busy to answer, the caller writes out what it can see in
    the buffers of the initial domain's standard channels.

    The loop of the initial domain goes on meanwhile, until the process is gone: none of
    what it waits for is settled by its end. *)

val running : ('a -> 'b) -> 'a -> 'b
(** Around the loop of [Lwt_main.run]. *)

val last_resort : (unit -> unit) -> unit
(** What is to be done, in the domain that calls [exit], when the initial domain cannot do
    it. To be called while modules are initialised. *)

val write_all : Unix.file_descr -> bytes -> unit
(** Writes to a descriptor, blocking or not; gives up if it cannot. *)
