(** Makes one file of Lwt domain-local, as its specification says, and audits it: a value
    of the module that can hold state and that the specification does not mention is a
    {!Problem}. *)

val apply : file:string -> Spec.t -> string -> string
(** The new source. *)
