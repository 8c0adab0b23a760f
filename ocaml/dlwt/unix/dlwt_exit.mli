(** [exit] in a domain other than the initial one.

    OCaml runs the exit functions of the calling domain and those of [Stdlib.at_exit], and
    ends the process: what the initial domain has registered with [Lwt_main.at_exit], and
    the output in its channels, would be lost. So the caller of [exit] asks the initial
    domain, if that is in [Lwt_main.run], to run its hooks first, and waits until it has.
*)

val running : ('a -> 'b) -> 'a -> 'b
(** Around the loop of [Lwt_main.run]. *)
