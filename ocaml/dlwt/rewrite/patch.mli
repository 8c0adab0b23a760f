(** The [within] rules, which replace a few words inside the items that bind a name. They
    are applied first, so that the other rules see their result. *)

val apply : file:string -> Spec.t -> string -> string
(** [apply ~file spec source] is the changed source, with the same number of lines. *)
