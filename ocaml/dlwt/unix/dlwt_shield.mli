(** Set-up that OCaml's signal handlers do not break into. *)

val run : (unit -> 'a) -> 'a
(** Calls the function with all signals blocked, so that no handler can raise between
    making something and registering what undoes it. A handler may raise at the end: what
    was made is lost then, but not what undoes it. *)
