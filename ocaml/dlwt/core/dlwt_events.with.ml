(* Lwt 6 reports what it does through this library. *)
let available = true
