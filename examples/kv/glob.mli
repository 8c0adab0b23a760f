(** Patterns: [*], [?], [[a-z]], [[^a]], and a backslash before a byte that is matched
    literally. *)

val matches : string -> string -> bool
(** [matches pattern text] is whether [text] matches [pattern]. Takes at most time
    proportional to the product of their lengths. *)
