(* A domain terminates with system calls and child processes in flight: their results and
   resources are released. *)

open Lwt.Infix
open Support

(* Lwt's own jobs, started without waiting for the descriptor. *)
external read_job : Unix.file_descr -> Bytes.t -> int -> int -> int Lwt_unix.job
  = "lwt_unix_read_job"

external stat_job : string -> Unix.stats Lwt_unix.job = "lwt_unix_stat_job"

let start job = ignore (Lwt_unix.run_job job)
let pool_is_idle () = eventually (fun () -> busy_threads () = 0)

(* A domain discards the jobs that others have abandoned when it starts a system call. *)
let use_pool () = Lwt_main.run (Lwt_unix.stat "/" >|= ignore)

(* The loop requests a notification for the calls in flight. *)
let loop_waits () = Lwt_main.run (Lwt.pause () >>= Lwt.pause)

(* When the calls in flight are done. *)
type ending =
  | Unchecked  (** before the domain terminates, but the loop has not run since *)
  | Unreceived  (** the same, with the notification in the domain's mailbox *)
  | Later  (** after the domain has terminated *)
  | Later_awaited  (** the same, and the loop had requested a notification *)

let endings =
  [
    ("done, not checked", Unchecked);
    ("done, notification not received", Unreceived);
    ("done after the domain", Later);
    ("done after a domain that had requested a notification", Later_awaited);
  ]

(* Runs a domain that calls [ask], whose system calls block until [release], and terminates
   as [ending] says. *)
let terminate_domain ending ~ask ~release =
  elsewhere (fun () ->
      ask ();
      (match ending with
      | Unchecked | Later -> ()
      | Unreceived | Later_awaited -> loop_waits ());
      match ending with
      | Unchecked | Unreceived ->
          release ();
          pool_is_idle ()
      | Later | Later_awaited -> ());
  (match ending with
  | Unchecked | Unreceived -> ()
  | Later | Later_awaited ->
      release ();
      pool_is_idle ());
  use_pool ()

let cases test = List.map (fun (name, ending) -> (name, test ending)) endings

let with_fifo f =
  let fifo = Filename.temp_file "dlwt" ".fifo" in
  Sys.remove fifo;
  Unix.mkfifo fifo 0o600;
  Fun.protect ~finally:(fun () -> Sys.remove fifo) (fun () -> f fifo)

(* ------------------------------------------------------------ descriptors *)

(* Opening a FIFO blocks until its other end is opened. *)
let opened_file ending () =
  use_pool ();
  with_fifo @@ fun fifo ->
  let before = descriptors () in
  let writer = ref Unix.stdin in
  terminate_domain ending
    ~ask:(fun () ->
      for _ = 1 to 3 do
        ignore (Lwt_unix.openfile fifo [ Unix.O_RDONLY; Unix.O_CLOEXEC ] 0)
      done;
      eventually (fun () -> busy_threads () = 3))
    ~release:(fun () -> writer := Unix.openfile fifo [ O_WRONLY; O_CLOEXEC ] 0);
  Unix.close !writer;
  Alcotest.(check int) "descriptors" before (descriptors ())

let opened_directory () =
  use_pool ();
  let before = descriptors () in
  terminate_domain Unchecked
    ~ask:(fun () -> ignore (Lwt_unix.opendir "/"))
    ~release:ignore;
  Alcotest.(check int) "descriptors" before (descriptors ())

(* ------------------------------------------------------------------ memory *)

let pipe () = Unix.pipe ~cloexec:true ()
let size = 4000

(* A read job has a buffer in C and a root to the caller's buffer. *)
let reads n input ~make_buffer =
  for _ = 1 to n do
    start (read_job input (make_buffer ()) 0 size)
  done

let write_for n output =
  for _ = 1 to n do
    let written = Unix.write output (Bytes.make size 'x') 0 size in
    check "all written" (written = size)
  done

let buffers ending () =
  let input, output = pipe () in
  let collected = Atomic.make 0 and n = 5 in
  let make_buffer () =
    let buffer = Bytes.create size in
    Gc.finalise (fun _ -> Atomic.incr collected) buffer;
    buffer
  in
  terminate_domain ending
    ~ask:(fun () -> reads n input ~make_buffer)
    ~release:(fun () -> write_for n output);
  Unix.close input;
  Unix.close output;
  eventually (fun () ->
      Gc.full_major ();
      Atomic.get collected = n)

(* Values that a system call uses are kept until it is done: otherwise a finaliser might close
   a descriptor that the call still reads from. *)
let kept_until_done () =
  let input, output = pipe () in
  let collected = Atomic.make false in
  let ask () =
    let mine = ref input in
    Gc.finalise (fun _ -> Atomic.set collected true) mine;
    ignore
      ( Lwt_unix.run_job (read_job !mine (Bytes.create size) 0 size) >|= fun _ ->
        !mine = Unix.stdin )
  in
  elsewhere ask;
  for _ = 1 to 3 do
    Gc.full_major ()
  done;
  check "kept while the call runs" (not (Atomic.get collected));
  write_for 1 output;
  pool_is_idle ();
  use_pool ();
  eventually (fun () ->
      Gc.full_major ();
      Atomic.get collected);
  Unix.close input;
  Unix.close output

let memory_is_constant () =
  let input, output = pipe () in
  let long = String.make size 'x' in
  let n = 5 in
  let round () =
    List.iter
      (fun (_, ending) ->
        terminate_domain ending
          ~ask:(fun () ->
            reads n input ~make_buffer:(fun () -> Bytes.create size);
            (* Fails, so that the result is an exception. *)
            for _ = 1 to n do
              start (stat_job long)
            done)
          ~release:(fun () -> write_for n output))
      endings
  in
  let rounds k =
    for _ = 1 to k do
      round ()
    done;
    Gc.full_major ();
    allocated ()
  in
  let threads = Lwt_unix.thread_count () in
  let bytes = rounds 10 in
  let bytes' = rounds 20 in
  Unix.close input;
  Unix.close output;
  check "no more threads than calls at once"
    (Lwt_unix.thread_count () <= max threads (2 * n));
  (* One leaked job per domain would be 4 * 20 * 4000 bytes. *)
  let grown = bytes' - bytes in
  check (Printf.sprintf "%d bytes more" grown) (grown < 160_000)

(* Domains that terminate at the same time abandon jobs and discard them concurrently. *)
let at_once () =
  use_pool ();
  let before = descriptors () in
  for _ = 1 to 30 do
    List.init 4 (fun _ ->
        Domain.spawn (fun () ->
            for _ = 1 to 5 do
              ignore (Lwt_unix.openfile "/dev/null" [ O_RDONLY; O_CLOEXEC ] 0)
            done))
    |> List.iter Domain.join
  done;
  pool_is_idle ();
  use_pool ();
  Alcotest.(check int) "descriptors" before (descriptors ())

(* --------------------------------------------------------------- processes *)

let is_zombie (_, state) = state = 'Z'

(* [start] starts a child that terminates on [release]. *)
let with_child f =
  Alcotest.(check int) "no children before" 0 (List.length (children ()));
  let input, output = pipe () in
  let start () =
    Lwt_process.open_process_none ~stdin:(`FD_copy input) ("", [| "cat" |])
  in
  f
    (fun () -> (start ())#pid)
    (fun () ->
      Unix.close output;
      Unix.close input)

let a_loop_reaps () =
  with_child @@ fun start release ->
  elsewhere (fun () -> ignore (start ()));
  Alcotest.(check int) "it runs" 1 (List.length (children ()));
  release ();
  eventually (fun () ->
      Lwt_main.run (Lwt_unix.sleep 0.001);
      children () = [])

let termination_reaps () =
  with_child @@ fun start release ->
  elsewhere (fun () ->
      ignore (start ());
      ignore (Lwt_unix.system "exit 3");
      release ();
      eventually (fun () -> List.for_all is_zombie (children ()));
      check "a zombie remains" (children () <> []));
  Alcotest.(check int) "gone" 0 (List.length (children ()))

let the_next_start_reaps () =
  with_child @@ fun start release ->
  let orphan = elsewhere start in
  release ();
  eventually (fun () -> List.for_all is_zombie (children ()));
  let next = Lwt_process.open_process_none ("", [| "true" |]) in
  check "gone" (not (List.mem_assoc orphan (children ())));
  check "not the others" (Lwt_main.run next#status = Unix.WEXITED 0)

(* A running domain waits for its own children itself. *)
let children_of_running_domains () =
  with_child @@ fun start release ->
  elsewhere (fun () -> ignore (start ()));
  let mine = List.init 5 (fun i -> Lwt_unix.system (Printf.sprintf "exit %d" i)) in
  elsewhere (fun () ->
      check "the other domain's" (Lwt_main.run (Lwt_unix.system "exit 9") = Unix.WEXITED 9));
  release ();
  Alcotest.(check bool)
    "mine" true
    (Lwt_main.run (Lwt.all mine) = List.init 5 (fun i -> Unix.WEXITED i));
  eventually (fun () ->
      Lwt_main.run (Lwt_unix.sleep 0.001);
      children () = [])

(* ------------------------------------------------------------------ output *)

(* A non-blocking descriptor of a pipe that is too small for the text. *)
let slow_reader () =
  let input, output = pipe () in
  Unix.set_nonblock output;
  let text = Bytes.init 300_000 (fun i -> Char.chr (i land 127)) in
  let reader =
    Domain.spawn (fun () -> In_channel.input_all (Unix.in_channel_of_descr input))
  in
  Dlwt_exit.write_all output text;
  Unix.close output;
  check "the whole text was written" (Domain.join reader = Bytes.to_string text);
  Unix.close input

let closed_pipe () =
  let input, output = pipe () in
  Unix.close input;
  let old = Sys.signal Sys.sigpipe Signal_ignore in
  Dlwt_exit.write_all output (Bytes.make 10 'x');
  Sys.set_signal Sys.sigpipe old;
  Unix.close output

let case name f = Alcotest.test_case name `Quick f

let () =
  Lwt_main.run (Lwt_unix.sleep 0.001);
  Alcotest.run "dlwt termination"
    [
      ( "system calls in flight",
        List.map (fun (name, f) -> case ("an opened file: " ^ name) f) (cases opened_file)
        @ [ case "an opened directory: done, not checked" opened_directory ]
        @ List.map (fun (name, f) -> case ("a read: " ^ name) f) (cases buffers)
        @ [
            case "arguments of a call are kept until it is done" kept_until_done;
            case "memory and threads are constant after many domains" memory_is_constant;
            case "many domains terminate at once" at_once;
          ] );
      ( "child processes that outlive their domain",
        [
          case "another domain's loop waits for them" a_loop_reaps;
          case "the terminating domain waits for those that have terminated"
            termination_reaps;
          case "the next start of a process waits for them" the_next_start_reaps;
          case "those of a running domain are left to it" children_of_running_domains;
        ] );
      ( "the initial domain's output at exit",
        [
          case "is written to a full pipe" slow_reader;
          case "a closed pipe is ignored" closed_pipe;
        ] );
    ]
