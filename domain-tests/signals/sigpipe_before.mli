(** Sets SIGPIPE before [lwt_interop] is initialised, as the variable [BEFORE] says:
    [handle] or [ignore]. Without the variable the process starts with the default,
    whatever it has inherited. *)

val handled : int Atomic.t
(** The number of signals that the handler of [BEFORE=handle] has handled. *)
