(* Lwt 5 has no [Lwt_direct]. *)
let all : (module Style.S) list = []
