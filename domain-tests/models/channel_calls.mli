(** The calls that return no promise, from one domain and from two. *)

val tests : QCheck.Test.t list
