let cancel p =
  let q, _ = Lwt.task () in
  Lwt.on_cancel q (fun () -> raise Exit);
  let hook = Dlwt.async_exception_hook () in
  Dlwt.set_async_exception_hook (Some raise);
  (* Lwt marks all as cancelled first, and then calls the callbacks of the last one. *)
  match Lwt.cancel (Lwt.join [ p; q ]) with
  | () -> failwith "Interrupted.cancel: no exception"
  | exception Exit -> Dlwt.set_async_exception_hook hook
