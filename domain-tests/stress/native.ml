(** The Rust functions of [domain-tests/src/stress.rs]. *)

external quiet : unit -> unit = "stress_quiet" [@@noalloc]
external begin_ : int -> int -> int -> unit = "stress_begin" [@@noalloc]
external end_ : int -> unit = "stress_end" [@@noalloc]
external watch : string array -> int -> string -> unit = "stress_watch"
external futures : unit -> int = "stress_futures"
external allocated : unit -> int = "stress_allocated"
external relay : int array -> int array Lwt.t = "stress_relay"
external fan_out : int array -> int -> (int * int * int) Lwt.t = "stress_fan_out"
external late_wake : int -> unit Lwt.t = "stress_late_wake"
