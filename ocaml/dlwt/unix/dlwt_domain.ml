let spawn main =
  let promise, resolver = Lwt.wait () in
  (* The handler runs in this domain's loop, so not before [Domain.spawn] has returned. *)
  let domain = ref None in
  let finished () =
    match Domain.join (Option.get !domain) with
    | Ok value -> Lwt.wakeup_later resolver value
    | Error exn -> Lwt.wakeup_later_exn resolver exn
  in
  let notification = Dlwt_mailbox.make ~once:true finished in
  let body () =
    (* Registered before Lwt's own, so that it runs after them. *)
    Domain.at_exit (fun () -> Dlwt_mailbox.send notification);
    match Lwt_main.run (main ()) with value -> Ok value | exception exn -> Error exn
  in
  (match Domain.spawn body with
  | spawned -> domain := Some spawned
  | exception exn ->
      Dlwt_mailbox.stop notification;
      raise exn);
  promise
