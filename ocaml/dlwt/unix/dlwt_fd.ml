(* On Unix a [Unix.file_descr] is its number, though its type is abstract. *)
external number : Unix.file_descr -> int = "%identity"
