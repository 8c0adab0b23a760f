(* Faults: no descriptors left, signal handlers that raise, loops that end with an exception.
   The domain gets a clear error and can try again, and no resource is leaked. *)

open Lwt.Infix
open Support

let starts = Atomic.make 0
let () = Dlwt_rt.each_domain (fun () -> Atomic.incr starts)
let pool_is_idle () = eventually (fun () -> busy_threads () = 0)
let use_pool () = Lwt_main.run (Lwt_unix.stat "/" >|= ignore)

(* ------------------------------------------------------------- descriptors *)

external limit_descriptors : int -> int = "dlwt_test_limit_descriptors"

(* Calls [f restore] with only [free] descriptors left until [restore ()]. *)
let with_free free f =
  let number (fd : Unix.file_descr) = Dlwt_fd.number fd in
  let null () = Unix.openfile "/dev/null" [ O_RDONLY; O_CLOEXEC ] 0 in
  (* Fills the gaps. *)
  let rec fill l =
    let fd = null () in
    if number fd > 100 then fd :: l else fill (fd :: l)
  in
  let filled = fill [] in
  let limit = limit_descriptors (number (List.hd filled) + 1 + free) in
  let restore () = ignore (limit_descriptors limit) in
  Fun.protect
    ~finally:(fun () ->
      restore ();
      List.iter Unix.close filled)
    (fun () -> f restore)

let first_loop free () =
  let before = descriptors () and started = Atomic.get starts in
  let hook_ran = ref false in
  let refused =
    with_free free @@ fun restore ->
    elsewhere (fun () ->
        let run () = Lwt_main.run (Lwt_unix.sleep 0.0001) in
        let refused =
          match run () with
          | () -> false
          | exception Unix.Unix_error (EMFILE, _, _) ->
              (match run () with
              | () -> check "refused again" false
              | exception Unix.Unix_error (EMFILE, _, _) -> ());
              true
        in
        restore ();
        run ();
        Lwt_main.at_exit (fun () ->
            hook_ran := true;
            Lwt.return_unit);
        use_pool ();
        refused)
  in
  Alcotest.(check bool) "refused" (free < 2) refused;
  Alcotest.(check bool) "the exit hook ran" true !hook_ran;
  Alcotest.(check int) "initialised once" (started + 1) (Atomic.get starts);
  Alcotest.(check int) "descriptors" before (descriptors ())

(* A system call needs no loop. *)
let first_system_call () =
  let before = descriptors () in
  with_free 0 (fun restore ->
      elsewhere (fun () ->
          let answer = Lwt_unix.stat "/" in
          check "done at once" (Lwt.state answer <> Lwt.Sleep);
          restore ();
          use_pool ()));
  Alcotest.(check int) "descriptors" before (descriptors ())

let first_process () =
  let before = descriptors () in
  with_free 2 (fun restore ->
      elsewhere (fun () ->
          Lwt_main.run (Lwt.pause ());
          (match Lwt_process.open_process_in ("", [| "echo" |]) with
          | _ -> check "a pipe without descriptors" false
          | exception Unix.Unix_error (EMFILE, _, _) -> ());
          restore ();
          let text = Lwt_main.run (Lwt_process.pread ("", [| "echo"; "again" |])) in
          check_string "echo" ~expected:"again\n" text));
  Alcotest.(check int) "descriptors" before (descriptors ())

(* --------------------------------------------------- handlers that raise *)

exception Interrupted

(* Signals arrive as fast as they can be sent, and the handler raises in the domain that is
   being initialised. *)
let interrupted_initialisation () =
  let before = descriptors () in
  let target = Atomic.make (-1) and stop = Atomic.make false in
  let interrupts = Atomic.make 0 in
  let handle _ =
    (* Once per attempt. *)
    if Atomic.compare_and_set target (domain ()) (-1) then (
      Atomic.incr interrupts;
      raise Interrupted)
  in
  let old = Sys.signal Sys.sigusr1 (Signal_handle handle) in
  let sender =
    Domain.spawn (fun () ->
        while not (Atomic.get stop) do
          Unix.kill (Unix.getpid ()) Sys.sigusr1
        done)
  in
  let initialise () =
    Dlwt_rt.start ();
    ignore (Lwt_engine.get ());
    Lwt_unix.stop_notification (Lwt_unix.make_notification ignore)
  in
  let rec try_again () =
    match
      Atomic.set target (domain ());
      initialise ();
      Atomic.set target (-1)
    with
    | () -> ()
    | exception Interrupted -> try_again ()
  in
  let body () =
    try_again ();
    (* Everything works afterwards. *)
    Lwt_main.run (Lwt_unix.sleep 0.0001 >>= fun () -> Lwt_unix.stat "/" >|= ignore);
    let id = Lwt_unix.on_signal Sys.sigusr2 ignore in
    Lwt_unix.disable_signal_handler id
  in
  let cycles = ref 0 in
  while !cycles < 100 || Atomic.get interrupts < 20 do
    elsewhere body;
    incr cycles
  done;
  Atomic.set stop true;
  Domain.join sender;
  Sys.set_signal Sys.sigusr1 old;
  Alcotest.(check int) "descriptors" before (descriptors ())

(* --------------------------------------------- loops that end with an error *)

let never () = fst (Lwt.wait ())
let in_run p = try Lwt_main.run (p ()) with Exit -> ()

let failures =
  [
    ("promise", fun () -> in_run (fun () -> Lwt.fail Exit));
    ("callback", fun () -> in_run (fun () -> Lwt.pause () >>= fun () -> raise Exit));
    ( "hook of the loop",
      fun () ->
        let hook = Lwt_main.Enter_iter_hooks.add_first (fun () -> raise Exit) in
        in_run never;
        Lwt_main.Enter_iter_hooks.remove hook );
    ( "event",
      fun () ->
        ignore (Lwt_engine.on_timer 0. false (fun _ -> raise Exit));
        in_run never );
    ( "notification",
      fun () ->
        let id = Lwt_unix.make_notification (fun () -> raise Exit) in
        Lwt_unix.send_notification id;
        Lwt_unix.send_notification id;
        in_run never );
    ( "exit hook",
      fun () ->
        in_run Lwt.pause;
        Lwt_main.at_exit (fun () -> raise Exit) );
    ( "exit action",
      fun () ->
        in_run Lwt.pause;
        List.iter
          (fun priority -> Dlwt_rt.at_domain_exit ~priority (fun () -> raise Exit))
          [ 1; 15; 79; 80; 85; 95 ] );
    ( "another engine",
      fun () ->
        Lwt_engine.set (new Lwt_engine.select);
        in_run (fun () -> Lwt.fail Exit) );
    ( "the domain itself",
      fun () ->
        in_run Lwt.pause;
        raise Exit );
  ]

let in_flight =
  [
    ("nothing", ignore);
    ("a timer", fun () -> ignore (Lwt_unix.sleep 1000.));
    ("a signal", fun () -> ignore (Lwt_unix.on_signal Sys.sigusr2 ignore));
    ( "system calls",
      fun () ->
        ignore (Lwt_unix.openfile "/dev/null" [ O_RDONLY; O_CLOEXEC ] 0 >>= Lwt_unix.close);
        ignore (Lwt_unix.getaddrinfo "127.0.0.1" "80" []) );
    ("a process", fun () -> ignore (Lwt_process.open_process_none ("", [| "true" |])));
    ("a pause", fun () -> ignore (Lwt.pause () >>= Lwt.pause));
    ("a timeout", fun () -> Lwt_timeout.start (Lwt_timeout.create 100 ignore));
    ("output", fun () -> ignore (Lwt_io.write Lwt_io.null "text"));
    ( "a notification",
      fun () -> Lwt_unix.send_notification (Lwt_unix.make_notification ignore) );
  ]

let failed_loop fail () =
  let round () =
    List.iter
      (fun (_, start) ->
        try
          elsewhere (fun () ->
              start ();
              fail ())
        with Exit -> ())
      in_flight;
    pool_is_idle ();
    use_pool ()
  in
  round ();
  let before = descriptors () in
  round ();
  Alcotest.(check int) "descriptors" before (descriptors ());
  (* A process in flight has terminated or will soon. *)
  eventually (fun () ->
      Lwt_main.run (Lwt_unix.sleep 0.001);
      children () = [])

let case name f = Alcotest.test_case name `Quick f

let () =
  Lwt_main.run (Lwt_unix.sleep 0.001);
  use_pool ();
  Alcotest.run "dlwt faults"
    [
      ( "no descriptors",
        List.map
          (fun free ->
            case (Printf.sprintf "a domain's first loop, %d left" free) (first_loop free))
          [ 0; 1; 2; 3 ]
        @ [
            case "a domain's first system call" first_system_call;
            case "a domain's first process" first_process;
          ] );
      ( "a signal handler that raises",
        [ case "while a domain is initialised" interrupted_initialisation ] );
      ( "a loop ends with an error, and the domain after it",
        List.map (fun (name, fail) -> case name (failed_loop fail)) failures );
    ]
