(* By hand: the generated module belongs to a library that depends on [lwt_interop]. *)
external length : string -> int = "length"

(* [Obj.t] for [unit Lwt.t]: a library that Lwt is initialised before would be too late. *)
external my_async_func : unit -> Obj.t = "my_async_func" [@@ocaml_lwt.unchecked]

let attempt f = try Ok (f ()) with e -> Error e
let sync = attempt (fun () -> length "12345")
let async = attempt (fun () -> ignore (my_async_func () : Obj.t))
