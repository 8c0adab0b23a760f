(* The smallest program: one async Rust function, awaited with Lwt. *)

external my_async_func : unit -> unit Lwt.t = "my_async_func"

let () = Lwt_main.run (my_async_func ())
