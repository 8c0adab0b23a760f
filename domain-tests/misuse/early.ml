external length : string -> int = "length"
external my_async_func : unit -> Obj.t = "my_async_func"

let attempt f = try Ok (f ()) with e -> Error e
let sync = attempt (fun () -> length "12345")
let async = attempt (fun () -> ignore (my_async_func () : Obj.t))
