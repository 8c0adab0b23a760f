(** Code that blocks, on Domain 0's blocking pool.

    A function that waits for a file, a lock or another process would stop its domain's
    loop. Here it runs on a thread of the pool, and the loop continues:

    {[
      open Lwt.Syntax

      let () =
        Lwt_main.run
          (let* text =
             Lwt_interop.Blocking.run (fun () ->
                 In_channel.with_open_text "/proc/version" In_channel.input_all)
           in
           assert (String.length text > 0);
           Lwt.return_unit)
    ]}

    The pool has at most four threads, which belong to Domain 0 and share its lock: code
    that computes instead of waiting slows down the loop of Domain 0. The functions must
    not use promises. Functions that find no thread free wait in a queue, first in, first
    out. The queue holds at most 256 functions; {!run}, {!submit} and {!try_submit} differ
    in what happens beyond that.

    These functions may be called in the loop of any domain. The promise belongs to that
    domain. Cancelling a promise keeps its function from starting; a function that has
    started runs to its end. If the domain terminates, those of its functions that have
    not started never do, and their promises are rejected with [Domain_terminated]. If the
    operating system has no thread for the pool, the promise is rejected with [Failure].
*)

val run : (unit -> 'a) -> 'a Lwt.t
(** [run f] is a promise for the result of [f], which runs on the blocking pool: it is
    fulfilled with the value that [f] returns, or rejected with the exception that [f]
    raises. If the queue is full, [f] waits outside it, and [run] accepts any number of
    such functions.

    @raise Wrong_thread if the calling thread is not the one that runs its domain's loop.
    @raise Domain_terminated if the domain is terminating. *)

val submit : (unit -> 'a) -> 'a Lwt.t Lwt.t
(** [submit f] is fulfilled, once the queue has room, with the promise that [run f] would
    be. A producer that waits for it before its next call cannot get ahead of the pool by
    more than the queue:

    {[
      open Lwt.Syntax

      let count_lines file =
        List.length (In_channel.with_open_text file In_channel.input_lines)

      let rec count_all = function
        | [] -> Lwt.return 0
        | file :: files ->
            let* lines = Lwt_interop.Blocking.submit (fun () -> count_lines file) in
            let* rest = count_all files and* lines = lines in
            Lwt.return (lines + rest)
    ]}

    Cancelling the promise of [submit f] keeps [f] from starting. [submit] raises like
    {!run}. *)

val try_submit : (unit -> 'a) -> 'a Lwt.t option
(** [try_submit f] is [Some (run f)] if the queue has room, and otherwise [None], without
    running [f]. It raises like {!run}. *)
