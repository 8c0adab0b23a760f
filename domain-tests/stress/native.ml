(** The C functions of [domain-tests/src/stress.rs]. They are no [#[func]], so that they
    use nothing that the test watches. *)

external quiet : unit -> unit = "stress_quiet" [@@noalloc]
external begin_ : int -> int -> int -> unit = "stress_begin" [@@noalloc]
external end_ : int -> unit = "stress_end" [@@noalloc]
