(** Who waits, on one domain: every promise is where the model has it after each step. *)

val tests : QCheck.Test.t list
