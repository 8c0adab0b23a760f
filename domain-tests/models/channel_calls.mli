(** [Channel]'s functions that return no promise, called by one domain and by two: they
    behave like a model, or are linearizable. *)

val tests : QCheck.Test.t list
