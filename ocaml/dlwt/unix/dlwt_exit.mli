(** [exit] in a domain other than the initial one, or on a thread of the initial domain
    that does not run its loop.

    OCaml runs the exit functions of the calling domain and those of [Stdlib.at_exit], and
    terminates the process. The hooks that the initial domain has registered with
    [Lwt_main.at_exit], and the output in its channels, would be lost. Therefore the
    caller of [exit] first asks the initial domain, if that is in [Lwt_main.run], to run
    its hooks, and waits until it has. If the initial domain is not in its loop, or too
    busy to answer, the caller writes the buffers of that domain's standard channels
    itself.

    Meanwhile the loop of the initial domain continues until the process exits: its
    promises are not resolved by the exit.

    {[
      let running = Atomic.make false
      let run p = Dlwt_exit.with_loop ~running run_loop p
      let () = Dlwt_exit.register_fallback (fun () -> write_buffer stdout Unix.stdout)
    ]} *)

val with_loop : running:bool Atomic.t -> ('a -> 'b) -> 'a -> 'b
(** [with_loop ~running run p] is [run p], which must be the loop of [Lwt_main.run].
    [running] is [true] meanwhile, and [false] after any exception.

    @raise Failure if [running] is [true] already. *)

val register_fallback : (unit -> unit) -> unit
(** [register_fallback f] calls [f] in the domain that calls [exit] if the initial domain
    has not run its hooks. Call it while modules are initialised. *)

val write_all : Unix.file_descr -> bytes -> unit
(** [write_all fd text] writes [text] to [fd], which may be non-blocking. Gives up if an
    error occurs or [fd] is not writable for two seconds. *)
