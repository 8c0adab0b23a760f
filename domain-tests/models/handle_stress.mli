(** Domains that send work to other domains, while domains on both sides terminate. *)

val tests : QCheck.Test.t list
