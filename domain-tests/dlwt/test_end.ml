(* A domain ends in the middle of things: what it had asked for, and nobody has
   taken, is given back. *)

open Lwt.Infix
open Support

let elsewhere f = Domain.join (Domain.spawn f)

(* Lwt's own jobs, started at once and whatever the descriptor is. *)
external read_job : Unix.file_descr -> Bytes.t -> int -> int -> int Lwt_unix.job
  = "lwt_unix_read_job"

external stat_job : string -> Unix.stats Lwt_unix.job = "lwt_unix_stat_job"

let start job = ignore (Lwt_unix.run_job job)
let pool_is_idle () = eventually (fun () -> busy_threads () = 0)

(* Domains discard what others have left when they start a system call. *)
let use_pool () = Lwt_main.run (Lwt_unix.stat "/" >|= ignore)

(* The loop has asked to be told when the calls in flight are done. *)
let loop_waits () = Lwt_main.run (Lwt.pause () >>= Lwt.pause)

type ending =
  | Not_looked_at  (** done, but the loop has not turned since *)
  | Not_received  (** done, and the message waits in the domain's mailbox *)
  | Not_done  (** done when the domain is gone *)
  | Not_done_received  (** the same, and the loop waited for it *)

let endings =
  [
    ("done, not looked at", Not_looked_at);
    ("done, the loop not told yet", Not_received);
    ("done after the domain", Not_done);
    ("done after the domain, which waited", Not_done_received);
  ]

(* Ends a domain that has called [ask], whose system calls are held up until
   [release]. *)
let end_of_domain ending ~ask ~release =
  elsewhere (fun () ->
      ask ();
      (match ending with
      | Not_looked_at | Not_done -> ()
      | Not_received | Not_done_received -> loop_waits ());
      match ending with
      | Not_looked_at | Not_received ->
          release ();
          pool_is_idle ()
      | Not_done | Not_done_received -> ());
  (match ending with
  | Not_looked_at | Not_received -> ()
  | Not_done | Not_done_received ->
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

(* Opening a FIFO waits until somebody opens the other end. *)
let opened_file ending () =
  use_pool ();
  with_fifo @@ fun fifo ->
  let before = descriptors () in
  let writer = ref Unix.stdin in
  end_of_domain ending
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
  end_of_domain Not_looked_at
    ~ask:(fun () -> ignore (Lwt_unix.opendir "/"))
    ~release:ignore;
  Alcotest.(check int) "descriptors" before (descriptors ())

(* ------------------------------------------------------------------ memory *)

let pipe () = Unix.pipe ~cloexec:true ()
let size = 4000

(* A read has a buffer of its own in C, and a root to that of the caller. *)
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
  end_of_domain ending
    ~ask:(fun () -> reads n input ~make_buffer)
    ~release:(fun () -> write_for n output);
  Unix.close input;
  Unix.close output;
  eventually (fun () ->
      Gc.full_major ();
      Atomic.get collected = n)

(* What the system call works on stays as long as it takes: a finaliser would
   close a descriptor that the call still reads from. *)
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

let memory_is_level () =
  let input, output = pipe () in
  let long = String.make size 'x' in
  let n = 5 in
  let round () =
    List.iter
      (fun (_, ending) ->
        end_of_domain ending
          ~ask:(fun () ->
            reads n input ~make_buffer:(fun () -> Bytes.create size);
            (* fails: a result that is an exception *)
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
  (* One job of each domain would be 4 * 20 * 4000 bytes. *)
  let grown = bytes' - bytes in
  check (Printf.sprintf "%d bytes more" grown) (grown < 160_000)

(* Domains that end at the same time leave and take at the same time. *)
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

(* A child that ends when the pipe is closed. *)
let with_child f =
  Alcotest.(check int) "none before" 0 (List.length (children ()));
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

let the_end_reaps () =
  with_child @@ fun start release ->
  elsewhere (fun () ->
      ignore (start ());
      ignore (Lwt_unix.system "exit 3");
      release ();
      eventually (fun () -> List.for_all is_zombie (children ()));
      check "nobody has waited" (children () <> []));
  Alcotest.(check int) "gone" 0 (List.length (children ()))

let the_next_start_reaps () =
  with_child @@ fun start release ->
  let orphan = elsewhere start in
  release ();
  eventually (fun () -> List.for_all is_zombie (children ()));
  let next = Lwt_process.open_process_none ("", [| "true" |]) in
  check "gone" (not (List.mem_assoc orphan (children ())));
  check "not the others" (Lwt_main.run next#status = Unix.WEXITED 0)

(* What a living domain waits for is its own. *)
let the_others_are_left_alone () =
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

(* A full pipe that does not block: more than fits in is written nevertheless. *)
let slow_reader () =
  let input, output = pipe () in
  Unix.set_nonblock output;
  let text = Bytes.init 300_000 (fun i -> Char.chr (i land 127)) in
  let reader =
    Domain.spawn (fun () -> In_channel.input_all (Unix.in_channel_of_descr input))
  in
  Dlwt_exit.write_all output text;
  Unix.close output;
  check "all came through" (Domain.join reader = Bytes.to_string text);
  Unix.close input

let nobody_reads () =
  let input, output = pipe () in
  Unix.close input;
  let old = Sys.signal Sys.sigpipe Signal_ignore in
  Dlwt_exit.write_all output (Bytes.make 10 'x');
  Sys.set_signal Sys.sigpipe old;
  Unix.close output

let case name f = Alcotest.test_case name `Quick f

let () =
  Lwt_main.run (Lwt_unix.sleep 0.001);
  Alcotest.run "dlwt end"
    [
      ( "system calls nobody awaits any more",
        List.map (fun (name, f) -> case ("an opened file: " ^ name) f) (cases opened_file)
        @ [ case "an opened directory: done, not looked at" opened_directory ]
        @ List.map (fun (name, f) -> case ("a read: " ^ name) f) (cases buffers)
        @ [
            case "what a call works on stays until it is done" kept_until_done;
            case "memory and threads are level after many domains" memory_is_level;
            case "many domains end at once" at_once;
          ] );
      ( "child processes that outlive their domain",
        [
          case "a loop elsewhere waits for them" a_loop_reaps;
          case "the end of the domain waits for those that have ended" the_end_reaps;
          case "the next start of a process does" the_next_start_reaps;
          case "those of a living domain are its own" the_others_are_left_alone;
        ] );
      ( "the initial domain's output at exit",
        [
          case "is written to a full pipe as well" slow_reader;
          case "a closed pipe does no harm" nobody_reads;
        ] );
    ]
