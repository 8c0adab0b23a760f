let wait signals =
  if signals = [] then invalid_arg "Lwt_interop.Signals.wait: give at least one signal";
  Executor.check_thread ();
  let received, resolver = Lwt.task () in
  let handlers = ref [] in
  let stop () =
    List.iter Lwt_unix.disable_signal_handler !handlers;
    handlers := []
  in
  let on_signal signal =
    stop ();
    (* Not for a second signal of the same turn of the loop. *)
    if Lwt.is_sleeping received then Lwt.wakeup_later resolver signal
  in
  (try
     List.iter
       (fun signal -> handlers := Lwt_unix.on_signal signal on_signal :: !handlers)
       signals
   with e ->
     stop ();
     raise e);
  Lwt.on_cancel received stop;
  received
