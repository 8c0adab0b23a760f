(** Sets of functions to call when a domain terminates.

    A wait registers a hook that fails it, and removes the hook when it is over:

    {[
      let hooks = Exit_hooks.create ()
      let hook = Exit_hooks.hook ()
      let () = Exit_hooks.add hooks hook (fun _terminated -> print_endline "failed")
      let () = Exit_hooks.remove hook
      let () = Exit_hooks.drain (fun run -> run Exit) hooks
    ]}

    A set belongs to one domain and to the thread that runs its loop. {!add} and {!remove}
    take constant time; a signal handler or finaliser that runs before or after either may
    call both. *)

type t
(** A set of hooks. *)

type hook
(** A hook, in one set or in none. *)

val create : unit -> t
(** [create ()] is an empty set. *)

val hook : unit -> hook
(** [hook ()] is a hook in no set. *)

val add : t -> hook -> (exn -> unit) -> unit
(** [add hooks hook f] adds [hook], which must never have been added before, with the
    function [f]. *)

val remove : hook -> unit
(** [remove hook] removes [hook] from its set. Does nothing if it is in none. *)

val drain : ((exn -> unit) -> unit) -> t -> unit
(** [drain f hooks] calls [f] with the function of one hook after the other, in the order
    in which they were added, and removes each once [f] has returned. It goes on until the
    set is empty, so it includes hooks that [f] adds. If [f] raises, so does [drain]; the
    next call continues with the same hook. *)
