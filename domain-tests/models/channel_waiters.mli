(** Senders and receivers that wait, on one domain: after each step every promise is in
    the state in which the model has it. *)

val tests : QCheck.Test.t list
