(** Descriptors as numbers. *)

val number : Unix.file_descr -> int
(** [number fd] is the number of [fd]: [number Unix.stderr] is [2]. *)
