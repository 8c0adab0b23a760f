(* Every domain runs Lwt, lwt_ppx, lwt_react and logs.lwt. *)

let later value =
  let%lwt () = Lwt_unix.sleep 0.001 in
  Lwt.return value

(* Writes each message later, so that a promise of Logs_lwt that does not wait for it is found. Such a reporter allows no
   mutex of Logs: Logs would hold it until the message is written. *)
let written = Atomic.make 0

let reporter =
  let report _source _level ~over k message =
    message (fun ?header:_ ?tags:_ format ->
        Format.ikfprintf
          (fun _ ->
            Lwt.async (fun () ->
                let%lwt () = later () in
                Atomic.incr written;
                over ();
                Lwt.return_unit);
            k ())
          Format.err_formatter format)
  in
  { Logs.report }

let logs () =
  let before = Atomic.get written in
  let%lwt () = Logs_lwt.err (fun m -> m "%d" 1) in
  let after = Atomic.get written in
  assert (after > before);
  let%lwt () = Logs_lwt.debug (fun _ -> assert false) in
  let%lwt value =
    Logs_lwt.on_error_msg ~use:(fun () -> later 2) (Lwt.return (Error (`Msg "an error")))
  in
  assert (value = 2);
  let module Log = (val Logs_lwt.src_log Logs.default : Logs_lwt.LOG) in
  let is_over = ref false in
  let%lwt value =
    Log.kmsg
      ~over:(fun () -> is_over := true)
      (fun () -> later 3)
      Logs.Warning
      (fun m -> m "a warning")
  in
  assert (value = 3 && !is_over);
  Lwt.return_unit

let react () =
  let event, send = React.E.create () in
  let next = Lwt_react.E.next event in
  Lwt.async (fun () ->
      let%lwt () = later () in
      send 4;
      Lwt.return_unit);
  let%lwt value = next in
  assert (value = 4);
  Lwt.return_unit

let run () =
  Lwt_main.run
    (for%lwt _i = 1 to 20 do
       Lwt.join [ logs (); react () ]
     done)

let counted () =
  let quiet = Logs.Src.create "quiet" in
  Logs.Src.set_level quiet None;
  let before = Logs.err_count () in
  Lwt_main.run (Logs_lwt.err ~src:quiet (fun _ -> assert false));
  assert (Logs.err_count () = before + 1)

let () =
  counted ();
  Logs.set_level (Some Logs.Warning);
  Logs.set_reporter reporter;
  let other = Domain.spawn run in
  run ();
  Domain.join other;
  assert (Atomic.get written = 2 * 20 * 3);
  print_endline "every domain has logged and reacted"
