(** The [within] rules: changes of a few words inside the items that bind a name. They
    come first, so that the other rules apply to their result. *)

val apply : file:string -> Spec.t -> string -> string
(** The source with the changes made; the number of lines stays. *)
