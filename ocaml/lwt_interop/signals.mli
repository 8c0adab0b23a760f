(** Signals as promises, to stop a program in good order.

    A server runs until SIGTERM or Ctrl-C, and then finishes its work:

    {[
      open Lwt.Syntax

      let serve ~stop =
        let* _signal = stop in
        Lwt.return_unit

      let () =
        Lwt_interop.run ~domains:1 (fun () ->
            let stop = Lwt_interop.Signals.wait [ Sys.sigterm; Sys.sigint ] in
            Unix.kill (Unix.getpid ()) Sys.sigterm;
            serve ~stop)
    ]}

    SIGPIPE needs nothing: the library has a handler for it, so a write to a closed
    connection fails with [EPIPE]. *)

val wait : int list -> int Lwt.t
(** [wait signals] is fulfilled with the first of [signals] that the process receives from
    now on, as [Sys.sigterm] or the like. It may be called in the loop of any domain. If
    several promises wait for a signal, in one domain or in several, all get it.

    A promise that is fulfilled or cancelled no longer handles the signals. A signal that
    no promise and no function of [Lwt_unix.on_signal] handles has its default action
    again, so a second SIGTERM kills a program that does not stop.

    @raise Invalid_argument if [signals] is empty or has a number that is no signal.
    @raise Unix.Unix_error if the system allows no handler for a signal, as for SIGKILL.
    @raise Wrong_thread if the calling thread is not the one that runs its domain's loop.
*)
