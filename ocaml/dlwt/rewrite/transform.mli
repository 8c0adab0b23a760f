(** Makes the state of one file of Lwt domain-local, as its specification says, and audits
    it: a value of the module that can hold state and that the specification does not
    classify is a {!Problem}. *)

val apply : file:string -> Spec.t -> string -> string
(** [apply ~file spec source] is the rewritten source. *)
