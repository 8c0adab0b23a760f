(** Eio's executor pool and its streams: see [--help]. *)
