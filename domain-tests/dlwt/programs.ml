(* Programs whose termination is tested. The first argument selects one. *)

open Lwt.Infix

let spawn_running f = Domain.spawn (fun () -> Lwt_main.run (f ()))
let forever () = fst (Lwt.wait ())

(* Writes to the buffers of both domains, then calls [exit] in the child while the initial
   domain is in its loop. *)
let exit_in_child () =
  let ready, set_ready = Lwt.wait () in
  let id = Lwt_unix.make_notification ~once:true (fun () -> Lwt.wakeup set_ready ()) in
  let go = Atomic.make false in
  Lwt_main.at_exit (fun () ->
      Lwt_unix.sleep 0.01 >>= fun () -> Lwt_io.print "hook of the initial domain\n");
  let _child =
    spawn_running (fun () ->
        Lwt_unix.send_notification id;
        let rec wait () =
          if Atomic.get go then Lwt.return_unit else Lwt_unix.sleep 0.001 >>= wait
        in
        wait () >>= fun () ->
        Lwt_main.at_exit (fun () -> Lwt_io.print "hook of the child\n");
        ignore (Lwt_io.print "buffered in the child\n");
        exit 3)
  in
  Lwt_main.run
    ( ready >>= fun () ->
      ignore (Lwt_io.print "buffered in the initial domain\n");
      Atomic.set go true;
      forever () )

(* The same while the initial domain waits in Domain.join. *)
let exit_in_joined_child () =
  ignore (Lwt_io.print "buffered in the initial domain\n");
  ignore (Lwt_io.eprint "error in the initial domain\n");
  Domain.join
    (spawn_running (fun () ->
         ignore (Lwt_io.print "buffered in the child\n");
         exit 4))

(* The same while the initial domain computes in its loop: it does not answer, but its buffered
   output is written. *)
let exit_while_main_is_busy () =
  let started = Atomic.make false in
  let _child =
    spawn_running (fun () ->
        while not (Atomic.get started) do
          Domain.cpu_relax ()
        done;
        ignore (Lwt_io.print "buffered in the child\n");
        exit 5)
  in
  Lwt_main.run
    ( Lwt.pause () >>= fun () ->
      ignore (Lwt_io.print "buffered in the initial domain\n");
      Atomic.set started true;
      while true do
        Domain.cpu_relax ()
      done;
      Lwt.return_unit )

(* [exit] in the initial domain does not wait for other domains. *)
let exit_in_initial_domain () =
  let running = Atomic.make false in
  let _child =
    spawn_running (fun () ->
        Atomic.set running true;
        forever ())
  in
  while not (Atomic.get running) do
    Domain.cpu_relax ()
  done;
  Lwt_main.run
    ( Lwt.pause () >>= fun () ->
      ignore (Lwt_io.print "buffered in the initial domain\n");
      exit 6 )

let child_terminates () =
  Domain.join
    (spawn_running (fun () ->
         ignore (Lwt_io.print "buffered in the child\n");
         Lwt.return_unit));
  ignore (Lwt_io.print "buffered in the initial domain\n")

(* No promise takes the exception of the child: the default hook terminates the process. *)
let async_exception () =
  let _child =
    spawn_running (fun () ->
        Lwt.async (fun () -> Lwt.pause () >>= fun () -> failwith "no promise takes this");
        forever ())
  in
  Lwt_main.run (forever ())

let fork_after_spawn () =
  Domain.join (spawn_running Lwt.pause);
  match Lwt_unix.fork () with exception Failure text -> prerr_endline text | _ -> exit 9

let fork_before_spawn () =
  Lwt_main.run (Lwt_unix.stat "/" >|= ignore);
  match Lwt_unix.fork () with
  | 0 ->
      (* The child's loop, notifications, threads and domains work. *)
      Lwt_main.run (Lwt_unix.sleep 0.001 >>= fun () -> Lwt_unix.stat "/" >|= ignore);
      Lwt_main.run (Lwt_preemptive.detach ignore ());
      Domain.join (spawn_running (fun () -> Lwt_unix.stat "/" >|= ignore));
      Lwt_main.run (Lwt_io.print "the forked process\n");
      exit 0
  | pid ->
      let _, status = Lwt_main.run (Lwt_unix.waitpid [] pid) in
      if status <> Unix.WEXITED 0 then exit 8;
      Lwt_main.run (Lwt_io.print "the forking process\n")

(* Every domain writes whole lines through the standard channels, with functions and with
   channel values. Flushing after each line keeps lines whole. *)
let standard_channels () =
  let lines = 300 in
  let write me =
    let rec go k =
      if k = 0 then Lwt.return_unit
      else
        Lwt_io.atomic
          (fun oc ->
            Lwt_io.fprintlf oc "domain %d line %d" me k >>= fun () -> Lwt_io.flush oc)
          Lwt_io.stdout
        >>= fun () ->
        Lwt_io.printf "domain %d printf %d\n" me k >>= fun () ->
        Lwt_io.flush Lwt_io.stdout >>= fun () ->
        Lwt_fmt.printf "domain %d format %d@." me k >>= fun () ->
        Lwt_fmt.fprintf Lwt_fmt.stdout "domain %d formatter %d@." me k >>= fun () ->
        Lwt_io.flush_all () >>= fun () -> go (k - 1)
    in
    go lines
  in
  let domains = List.init 3 (fun i -> spawn_running (fun () -> write (i + 1))) in
  Lwt_main.run (write 0);
  List.iter Domain.join domains

let standard_input () =
  let line () = Lwt_main.run (Lwt_io.read_line_opt Lwt_io.stdin) in
  let in_child =
    Domain.join
      (Domain.spawn (fun () ->
           let line = line () in
           (* The child's twin has read ahead, so it has the rest. *)
           let rest = Lwt_main.run (Lwt_io.read Lwt_io.stdin) in
           (line, rest)))
  in
  match (in_child, line ()) with
  | (Some "one", "two\n"), None -> print_string "read\n"
  | _ -> exit 7

let programs =
  [
    ("exit-in-child", exit_in_child);
    ("exit-in-joined-child", exit_in_joined_child);
    ("exit-while-main-is-busy", exit_while_main_is_busy);
    ("exit-in-initial-domain", exit_in_initial_domain);
    ("child-terminates", child_terminates);
    ("async-exception", async_exception);
    ("fork-after-spawn", fork_after_spawn);
    ("fork-before-spawn", fork_before_spawn);
    ("standard-channels", standard_channels);
    ("standard-input", standard_input);
  ]

let () = (List.assoc Sys.argv.(1) programs) ()
