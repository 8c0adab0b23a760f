(* On Unix a [Unix.file_descr] is its number, which the library hides. *)
external number : Unix.file_descr -> int = "%identity"
