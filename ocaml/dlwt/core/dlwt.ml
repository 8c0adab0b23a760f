let is_owner = Lwt.Dlwt_private.is_owner

let check_owner ~what p =
  match Lwt.Dlwt_private.owner p with
  | Some owner when not (Dlwt_rt.is_self owner) -> Dlwt_rt.refuse owner what
  | Some _ | None -> ()

let set_async_exception_hook = Lwt.Dlwt_private.set_own_exception_hook
let async_exception_hook = Lwt.Dlwt_private.own_exception_hook
