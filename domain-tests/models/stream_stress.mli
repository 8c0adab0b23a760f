(** A source and its consumer, on one domain or on two, which start and terminate. *)

val tests : QCheck.Test.t list
