(** The benchmarks of this project, by name: see [--help]. *)
