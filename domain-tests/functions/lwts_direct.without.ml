(* Before Lwt 6. *)
let all : (module Style.S) list = []
