type t

external start : string -> t = "progress_start"
external listed : t -> int -> unit = "progress_listed"
external all_listed : t -> unit = "progress_all_listed"
external file_done : t -> bytes:int -> unit = "progress_file_done"
external clear : t -> unit = "progress_clear"

let show ~title work =
  let t = start title in
  Lwt.finalize
    (fun () -> work t)
    (fun () ->
      clear t;
      Lwt.return_unit)
