(** A client that knows what it has to be answered: [check.exe ADDRESS SECONDS].

    Eight connections send pipelines of commands, each for keys of its own, and compare
    the replies with {!Model}. Ends with the number of replies, or with the first that is
    wrong. *)
