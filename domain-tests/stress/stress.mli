(** Thousands of domains that come and go while everything is in flight. At the end
    nothing is left, and every call is accounted for; otherwise the exit code is not 0. *)
