(* Domains that terminate leave nothing behind. *)

open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle
module Channel = Lwt_interop.Channel

let descriptors () = Array.length (Sys.readdir "/proc/self/fd")

let field text name =
  String.split_on_char '\n' text
  |> List.find_map (fun line ->
         match String.index_opt line ':' with
         | Some i when String.sub line 0 i = name ->
             Some (String.trim (String.sub line (i + 1) (String.length line - i - 1)))
         | _ -> None)
  |> Option.get

let status name =
  let text = In_channel.with_open_text "/proc/self/status" In_channel.input_all in
  Scanf.sscanf (field text name) "%d" Fun.id

let threads () = status "Threads"

(* [Domain.join] returns before the domain's thread has ended. *)
let no_more_threads before = Expect.eventually_blocking (fun () -> threads () <= before)

(* In kB. *)
let resident () =
  Gc.full_major ();
  status "VmRSS"

(* The work of one domain. It needs Domain 0's loop. *)
let work i () =
  let me = (Domain.self () :> int) in
  let* n = Rust.ready_add i 1 in
  Expect.int "a ready call" (i + 1) n;
  let* text = Rust.yield_n 2 "pending" in
  Expect.string "a pending call" "pending" text;
  let* text, _ = Rust.on_tokio "tokio" in
  Expect.string "a call on tokio" "tokio" text;
  let* seen, _ = Rust.task_on 0 in
  Expect.int "a task for Domain 0" 0 seen;
  let* seen, _ = Rust.where_am_i () in
  Expect.int "where a call runs" me seen;
  (* These are still pending when the domain terminates. *)
  ignore (Rust.never 0 : unit Lwt.t);
  ignore (Rust.never_tokio 0 : unit Lwt.t);
  Lwt.return_unit

let cycle_of home f =
  let ended, u = Lwt.wait () in
  let domain =
    Domain.spawn (fun () ->
        Fun.protect
          (fun () -> Lwt_main.run (f ()))
          ~finally:(fun () ->
            ignore (Handle.post home (fun () -> Lwt.wakeup_later u ()) : bool)))
  in
  let* () = ended in
  Domain.join domain;
  Lwt.return_unit

let cycle home i = cycle_of home (work i)

let rec cycles home n =
  if n = 0 then Lwt.return_unit
  else Lwt.bind (cycle home n) (fun () -> cycles home (n - 1))

let one_after_the_other () =
  let home = Handle.current () in
  Lwt_main.run
    (let* () = cycles home 1000 in
     let fds = descriptors () and before = threads () and memory = resident () in
     let* () = cycles home 1000 in
     Expect.int "descriptors" fds (descriptors ());
     no_more_threads before;
     let grown = resident () - memory in
     Printf.printf "memory after 1000 domains: %d kB; after 2000: %d kB more\n%!" memory
       grown;
     (* One executor takes more than 8 kB, so a leak of one for each domain would show. *)
     Expect.that
       (Printf.sprintf "memory grew by %d kB with 1000 more domains" grown)
       (Expect.under_sanitizer || grown < 4_000);
     Expect.that "Rust's registry has Domain 0 only" (Rust.known_domains () = [| 0 |]);
     Expect.eventually (fun () -> Rust.futures_alive 0 = 0))

(* Each domain keeps a value that the next domain drops, on which its root was not made. *)
let roots_outlive_domains () =
  let home = Handle.current () in
  let first = 1_000_000 in
  let rec go i n =
    if i = n then Lwt.return_unit
    else
      let keeps () =
        Rust.keep (first + i) "kept";
        if i > 0 then Rust.forget (first + i - 1);
        Lwt.return_unit
      in
      Lwt.bind (cycle_of home keeps) (fun () -> go (i + 1) n)
  in
  Lwt_main.run
    (let* () = go 0 200 in
     Gc.full_major ();
     let before = Rust.stress_allocated () in
     let* () = go 200 600 in
     Gc.full_major ();
     Rust.forget (first + 599);
     let grown = (Rust.stress_allocated () - before) / 1024 in
     (* One pool of roots takes 16 kB, so a leak of one for each domain would take 6,400. *)
     Expect.that
       (Printf.sprintf "memory grew by %d kB with 400 domains" grown)
       (grown < 1_600);
     Lwt.return_unit)

let several_at_a_time () =
  let home = Handle.current () in
  let fds = descriptors () in
  Lwt_main.run (Lwt_list.iter_p (cycle home) (List.init 60 Fun.id));
  Lwt_main.run (Lwt_list.iter_p (cycle home) (List.init 60 Fun.id));
  Expect.int "descriptors" fds (descriptors ())

let nested () =
  (* Each domain starts the next one, and joins it last. *)
  let rec go n =
    if n > 0 then begin
      let next = Domain.spawn (fun () -> go (n - 1)) in
      Lwt_main.run (Lwt.map ignore (Rust.on_tokio ""));
      Domain.join next
    end
  in
  go 50

let pools () =
  let fds = descriptors () and before = threads () in
  for _ = 1 to 50 do
    Lwt_interop.run ~domains:3 (fun () ->
        let* all =
          Lwt_interop.Pool.map (Lwt_interop.Pool.default ()) (Rust.ready_add 1)
            (List.init 10 Fun.id)
        in
        Expect.that "all results" (all = List.init 10 succ);
        Lwt.return_unit)
  done;
  Expect.int "descriptors" fds (descriptors ());
  no_more_threads before

(* The threads of Domain 0's blocking pool end when they are idle, and start again later. *)
(* An exception in a domain that terminates is no business of another domain, whose loop would end with it. *)
let cancelled_at_the_end () =
  let rejected = Atomic.make 0 in
  let body () =
    let first = Rust.never 0 in
    let second = Rust.never 0 in
    let cancel_when p other =
      Lwt.on_failure p (fun _ ->
          Atomic.incr rejected;
          Lwt.cancel other)
    in
    cancel_when first second;
    cancel_when second first;
    Lwt_main.run (Lwt.pause ())
  in
  for _ = 1 to 20 do
    Domain.join (Domain.spawn body);
    Channel.close (Channel.create ~capacity:1);
    Lwt_main.run (Lwt.pause ())
  done;
  Expect.int "rejected calls" 40 (Atomic.get rejected)

let blocking_threads () =
  let jobs () =
    Lwt_main.run
      (Lwt.join
         (List.init 8 (fun _ -> Lwt_interop.Blocking.run (fun () -> Unix.sleepf 0.001))))
  in
  let before = threads () in
  jobs ();
  Expect.eventually_blocking (fun () -> threads () <= before + 1);
  jobs ()

(* Waits until the main thread sleeps in its loop. A signal that arrives between OCaml's last look at
   signals and the system call does not keep a thread from sleeping, with any OCaml program. *)
let rec wait_until_asleep () =
  let file = Printf.sprintf "/proc/self/task/%d/syscall" (Unix.getpid ()) in
  let call = In_channel.with_open_text file In_channel.input_all in
  let sleeps number = String.starts_with ~prefix:(number ^ " ") call in
  (* epoll_wait, epoll_pwait, epoll_pwait2, on x86-64 and arm64 *)
  if not (List.exists sleeps [ "232"; "281"; "441"; "22" ]) then (
    Unix.sleepf 0.0001;
    wait_until_asleep ())

(* The library's own threads block no signal that the main thread does not block, so that neither do the
   processes that they start; and yet the main thread's loop is woken by each signal. *)
let signals () =
  Lwt_main.run (Lwt.map ignore (Rust.on_tokio ""));
  Lwt_main.run (Rust.sleep_blocking 1);
  Lwt_main.run (Lwt_interop.Blocking.run ignore);
  let status task =
    In_channel.with_open_text
      (Printf.sprintf "/proc/self/task/%s/status" task)
      In_channel.input_all
  in
  let own = field (status (string_of_int (Unix.getpid ()))) "SigBlk" in
  (* OCaml's own tick thread has the name of the thread that it was started by, and blocks all signals. *)
  let blocks_no_more prefix task =
    match status task with
    | exception Sys_error _ -> false (* the thread has ended *)
    | text -> String.starts_with ~prefix (field text "Name") && field text "SigBlk" = own
  in
  let check prefix =
    let tasks = Array.to_list (Sys.readdir "/proc/self/task") in
    Expect.that (prefix ^ " blocks no more") (List.exists (blocks_no_more prefix) tasks)
  in
  List.iter check [ "tokio-"; "ocaml-block" ];
  let handled = ref ignore in
  let before = Sys.signal Sys.sigusr1 (Signal_handle (fun _ -> !handled ())) in
  for _ = 1 to 50 do
    let arrived, resolver = Lwt.wait () in
    (handled := fun () -> Lwt.wakeup resolver ());
    let send () =
      wait_until_asleep ();
      Unix.kill (Unix.getpid ()) Sys.sigusr1
    in
    let thread = Thread.create send () in
    Lwt_main.run arrived;
    Thread.join thread
  done;
  Sys.set_signal Sys.sigusr1 before

let () =
  Rust.watch "" 0;
  Alcotest.run "lifecycle"
    [
      ( "domains",
        [
          plain "2000 domains, one after the other, leave nothing" one_after_the_other;
          plain "roots that outlive their domains release their memory"
            roots_outlive_domains;
          plain "120 domains, 60 at a time, leave no descriptor" several_at_a_time;
          plain "50 domains, each started by the one before" nested;
          plain "50 pools leave no descriptor and no thread" pools;
          plain "a call cancelled at its domain's end is not felt elsewhere"
            cancelled_at_the_end;
          plain "idle threads of the blocking pool end" blocking_threads;
          plain "signals wake the loop, and no thread of the library blocks them" signals;
        ] );
      ("at the end", [ nothing_left () ]);
    ]
