(** Patterns: [*], [?], [[a-z]], [[^a]], and a backslash before a byte that means itself.
*)

val matches : string -> string -> bool
(** [matches pattern text]. Takes no more than the product of their lengths. *)
