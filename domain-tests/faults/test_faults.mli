(** What the operating system refuses is an error that says so, and everything works once
    it refuses no more. *)
