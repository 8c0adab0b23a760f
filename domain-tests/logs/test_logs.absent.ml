(* The library logs is not installed. *)
