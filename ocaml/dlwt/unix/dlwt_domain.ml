(* [Domain.join] raises the exception of the domain, the same one each time. Another one comes from a finaliser. *)
let rec outcome_of domain last =
  match Domain.join domain with
  | value -> Ok value
  | exception exn -> if exn == last then Error exn else outcome_of domain exn

let join domain =
  let promise, resolver = Lwt.wait () in
  let outcome = ref None in
  let finished () =
    match Option.get !outcome with
    | Ok value -> Lwt.wakeup_later resolver value
    | Error exn -> Lwt.wakeup_later_exn resolver exn
  in
  let notification = Dlwt_mailbox.make ~once:true finished in
  let rec keep attempts =
    try outcome := Some (outcome_of domain Not_found)
    with _ when attempts > 1 -> keep (attempts - 1)
  in
  let wait () =
    keep 1000;
    Dlwt_mailbox.send notification
  in
  (* Signal handlers do not run on the thread. Without threads this blocks. *)
  (try
     Dlwt_signal_mask.with_all_blocked (fun () ->
         ignore (Thread.create wait () : Thread.t))
   with Failure _ | Sys_error _ -> wait ());
  promise

let spawn main =
  let promise, resolver = Lwt.wait () in
  (* The handler runs in this domain's loop, so not before [Domain.spawn] has returned. *)
  let domain = ref None in
  let finished () =
    Lwt.on_any
      (join (Option.get !domain))
      (function
        | Ok value -> Lwt.wakeup_later resolver value
        | Error exn -> Lwt.wakeup_later_exn resolver exn)
      (Lwt.wakeup_later_exn resolver)
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
