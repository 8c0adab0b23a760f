let wait signals =
  if signals = [] then invalid_arg "Lwt_interop.Signals.wait: give at least one signal";
  Executor.check_thread ();
  let received, resolver = Lwt.task () in
  let handlers = ref [] and is_settling = ref false in
  let rec stop () =
    match !handlers with
    | [] -> ()
    | handler :: others ->
        Lwt_unix.disable_signal_handler handler;
        handlers := others;
        stop ()
  in
  (* A step of [Uninterrupted.run]. *)
  let settle signal = if Lwt.is_sleeping received then Lwt.wakeup_later resolver signal in
  (* The same. Later, because Lwt is calling the functions for this signal, one after the other. It would also call those
     that callbacks of [received] add, and none of the others if a callback raised. *)
  let settle_later signal =
    if not !is_settling then (
      Lwt.on_success (Lwt.pause ()) (fun () ->
          Sys.opaque_identity (Uninterrupted.run (Executor.failure ()) settle signal));
      is_settling := true);
    stop ()
  in
  let on_signal signal =
    Sys.opaque_identity (Uninterrupted.run (Executor.failure ()) settle_later signal)
  in
  (try
     List.iter
       (fun signal -> handlers := Lwt_unix.on_signal signal on_signal :: !handlers)
       signals
   with e ->
     Uninterrupted.run (Executor.failure ()) stop ();
     raise e);
  Lwt.on_cancel received (fun () ->
      Sys.opaque_identity (Uninterrupted.run (Executor.failure ()) stop ()));
  received
