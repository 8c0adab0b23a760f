(* The value of [last] before the first [Domain.join]. Nothing raises it. *)
exception Not_joined

(* Returns the result of the domain, or the exception that left it. [Domain.join] raises the
   domain's exception in each call. An exception that it raises only once comes from a signal
   handler or finaliser of the calling domain: it is stored in [interrupt]. [last] is what
   the previous call raised. *)
let rec outcome interrupt domain last =
  let note () = if last != Not_joined then interrupt := Some last in
  match Domain.join domain with
  | value ->
      note ();
      Ok value
  | exception exn when exn == last -> Error exn
  | exception exn ->
      note ();
      outcome interrupt domain exn

let spawn main =
  let promise, resolver = Lwt.wait () in
  let domain = ref None and interrupt = ref None in
  let resolve () =
    match !domain with
    | Some domain when Lwt.is_sleeping promise -> (
        match outcome interrupt domain Not_joined with
        | Ok value -> Lwt.wakeup_later resolver value
        | Error exn -> Lwt.wakeup_later_exn resolver exn)
    | Some _ | None -> ()
  in
  let thread_ended () =
    Dlwt_rt.insist resolve ();
    Option.iter raise !interrupt
  in
  let notification = Dlwt_mailbox.make ~once:true thread_ended in
  let body unblock_signals =
    Dlwt_mailbox.send_at_thread_end notification;
    unblock_signals ();
    Sys.opaque_identity (Lwt_main.run (main ()))
  in
  (* No tail call, before which OCaml would poll. *)
  let start unblock_signals =
    domain := Some (Domain.spawn (fun () -> Sys.opaque_identity (body unblock_signals)))
  in
  match Dlwt_signal_mask.with_all_blocked_until start with
  | () -> promise
  | exception exn when Option.is_none !domain ->
      Dlwt_mailbox.stop notification;
      raise exn
  | exception exn ->
      (* That of a signal handler, when the domain runs: the loop raises it, as if it had come later. *)
      let raise_later exn =
        Dlwt_mailbox.send (Dlwt_mailbox.make ~once:true (fun () -> raise exn))
      in
      (try Dlwt_rt.insist raise_later exn with _ -> ());
      promise
