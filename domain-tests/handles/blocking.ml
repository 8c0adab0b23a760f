(* Blocking code runs in Domain 0's blocking pool. *)

open Lwt.Syntax
open Everywhere
module Blocking = Lwt_interop.Blocking

exception Own of int ref

let self () = (Domain.self () :> int)

let values () =
  let* id = Blocking.run self in
  Expect.int "where the function runs" 0 id;
  let mine = ref 1 in
  let* same = Blocking.run (fun () -> mine) in
  Expect.that "the same value" (same == mine);
  let exn = Own mine in
  let* e = Expect.rejected "raising" (Blocking.run (fun () -> raise exn)) in
  Expect.that "the same exception" (e == exn);
  let* line =
    Blocking.run (fun () ->
        let file = Filename.temp_file "blocking" ".txt" in
        Out_channel.with_open_text file (fun c -> output_string c "a line");
        let text = In_channel.with_open_text file In_channel.input_all in
        Sys.remove file;
        text)
  in
  Expect.string "blocking input and output" "a line" line;
  Lwt.return_unit

let from_rust () =
  let* n = Rust.ocaml_blocking (fun () -> 10 + self ()) in
  Expect.int "OCaml from Rust" 10 n;
  let* e =
    Expect.rejected "raising" (Rust.ocaml_blocking (fun () -> failwith "on purpose"))
  in
  (match e with
  | Lwt_interop.Rust_error { message; _ } ->
      Expect.contains "its message" ~part:"on purpose" message
  | e -> raise e);
  let* e = Expect.rejected "a panic" (Rust.ocaml_blocking_panics ()) in
  (match e with
  | Lwt_interop.Rust_panic { message; _ } ->
      Expect.string "its message" "on the blocking pool" message
  | e -> raise e);
  let* n = Rust.ocaml_blocking (fun () -> 1) in
  Expect.int "the pool still works" 1 n;
  Lwt.return_unit

let many () =
  let running = Atomic.make 0 and most = Atomic.make 0 in
  let job i () =
    let now = 1 + Atomic.fetch_and_add running 1 in
    if now > Atomic.get most then Atomic.set most now;
    Unix.sleepf 0.001;
    Atomic.decr running;
    i
  in
  let* all = Lwt.all (List.init 60 (fun i -> Blocking.run (job i))) in
  Expect.that "each call's own value" (all = List.init 60 Fun.id);
  Expect.that "at most four at a time" (Atomic.get most <= 4);
  Lwt.return_unit

(* Blocks all four threads of the pool until the gate opens. *)
let occupy_threads () =
  let gate = Atomic.make false and running = Atomic.make 0 in
  let job () =
    Atomic.incr running;
    Expect.eventually_blocking (fun () -> Atomic.get gate)
  in
  let jobs = List.init 4 (fun _ -> Blocking.run job) in
  let* () = Expect.eventually (fun () -> Atomic.get running = 4) in
  Lwt.return (jobs, fun () -> Atomic.set gate true)

let cancelled_in_the_queue () =
  let* jobs, open_gate = occupy_threads () in
  let ran = Atomic.make false in
  let queued = Blocking.run (fun () -> Atomic.set ran true) in
  let behind = Blocking.run (fun () -> 5) in
  let* () = Lwt_unix.sleep 0.002 in
  Expect.that "the function waits in the queue" (Lwt.is_sleeping queued);
  Lwt.cancel queued;
  let* () = Expect.cancelled "the queued function" queued in
  open_gate ();
  let* () = Lwt.join jobs in
  let* n = behind in
  Expect.int "the next function in the queue" 5 n;
  Expect.that "the cancelled function did not run" (not (Atomic.get ran));
  Lwt.return_unit

let cancelled_while_running () =
  let* jobs, open_gate = occupy_threads () in
  List.iter Lwt.cancel jobs;
  let* () = Lwt_list.iter_p (Expect.cancelled "each") jobs in
  open_gate ();
  let* n = Blocking.run (fun () -> 6) in
  Expect.int "the pool still works" 6 n;
  Lwt.return_unit

(* Takes all permits of the queue, while no thread is free. *)
let take_permits () =
  let rec go jobs =
    match Blocking.try_submit ignore with Some job -> go (job :: jobs) | None -> jobs
  in
  go []

let submit_waits () =
  let* jobs, open_gate = occupy_threads () in
  let queued = take_permits () in
  Expect.int "permits" 256 (List.length queued);
  let ran = Atomic.make 0 in
  let count () = Atomic.fetch_and_add ran 1 in
  let first = Blocking.submit count in
  let cancelled = Blocking.submit count in
  let last = Blocking.submit count in
  let run = Blocking.run count in
  let* () = Lwt_unix.sleep 0.002 in
  Expect.that "they wait for permits"
    (List.for_all Lwt.is_sleeping [ first; cancelled; last ]);
  Lwt.cancel cancelled;
  let* () = Expect.cancelled "a cancelled submission" cancelled in
  open_gate ();
  let* first = first in
  let* last = last in
  let* () = Lwt.join (jobs @ queued) in
  let* n = first in
  let* m = last in
  let* o = run in
  Expect.that "each ran once, except the cancelled one"
    (List.sort compare [ n; m; o ] = [ 0; 1; 2 ]);
  let* free = Blocking.submit count in
  let* n = free in
  Expect.int "a permit is free" 3 n;
  Lwt.return_unit

let cancelling_returns_permits () =
  let* jobs, open_gate = occupy_threads () in
  let ran = Atomic.make 0 in
  let count () = Atomic.fetch_and_add ran 1 in
  let queued = take_permits () in
  let waiting = Blocking.submit count in
  Expect.that "no permit is free" (Blocking.try_submit count = None);
  Lwt.cancel (List.hd queued);
  let* admitted = waiting in
  Expect.that "the waiting submission takes the permit" (Blocking.try_submit count = None);
  List.iter Lwt.cancel queued;
  let before = (Lwt_interop.totals ()).blocking_pool_queue in
  for _ = 1 to 10_000 do
    Lwt.cancel (Blocking.run count)
  done;
  Expect.int "queued functions" before (Lwt_interop.totals ()).blocking_pool_queue;
  let again = take_permits () in
  Expect.int "all permits but one" 255 (List.length again);
  open_gate ();
  let* () = Lwt.join (jobs @ again) in
  let* (_ : int) = admitted in
  let* (_ : int) = Blocking.run count in
  Expect.int "functions that were not cancelled" 2 (Atomic.get ran);
  Lwt.return_unit

let submit_waits_in_rust () =
  let* jobs, open_gate = occupy_threads () in
  let* permits, sum, cancelled, ran = Rust.ocaml_blocking_fill open_gate in
  Expect.int "permits" 256 permits;
  Expect.int "cancelled" 1 cancelled;
  Expect.int "the sum of the others and of the submission that waited"
    (100 + permits - 2)
    sum;
  Expect.int "dropped functions that ran" 0 ran;
  Lwt.join jobs

let domain_ends () =
  let* jobs, open_gate = occupy_threads () in
  let queued = take_permits () in
  let ran = Atomic.make 0 and rejections = Atomic.make [] in
  let other = other () in
  let posted =
    Lwt_interop.Handle.post other.handle (fun () ->
        let count () = Atomic.incr ran in
        let record p =
          Lwt.on_failure p (fun e -> Atomic.set rejections (e :: Atomic.get rejections))
        in
        record (Blocking.run count);
        record (Lwt.join [ Lwt.bind (Blocking.submit count) Fun.id ]))
  in
  Expect.that "posted" posted;
  other.end_ ();
  other.join ();
  let terminated = Lwt_interop.Domain_terminated other.id in
  Expect.that "their promises" (Atomic.get rejections = [ terminated; terminated ]);
  open_gate ();
  let* () = Lwt.join (jobs @ queued) in
  let* () = Blocking.run ignore in
  Expect.int "functions of the terminated domain that ran" 0 (Atomic.get ran);
  Lwt.return_unit

let loops_keep_running () =
  let* jobs, open_gate = occupy_threads () in
  let* () =
    with_other (fun { handle; id; _ } ->
        let* seen, _ = Rust.task_on id in
        Expect.int "another domain's task" id seen;
        let* n = Lwt_interop.Handle.spawn handle (fun () -> Rust.yield_n 5 "x") in
        Expect.string "another domain's loop" "x" n;
        Lwt.return_unit)
  in
  let* () = Lwt_unix.sleep 0.001 in
  let* text, _ = Rust.on_tokio "tokio" in
  Expect.string "tokio" "tokio" text;
  List.iter (fun p -> Expect.that "the functions still block" (Lwt.is_sleeping p)) jobs;
  open_gate ();
  Lwt.join jobs

(* Domain 0 runs no loop: it waits in [Domain.join], without its lock. *)
let domain_0_joins () =
  let n =
    on_domain (fun () ->
        let* all =
          Lwt.all (List.init 20 (fun i -> Blocking.run (fun () -> i + self ())))
        in
        Lwt.return (List.fold_left ( + ) 0 all))
  in
  Expect.int "their sum" 190 n

let wrong_thread () =
  (* The domain's executor belongs to the first thread that uses it. *)
  ignore (Lwt_interop.Handle.current () : Lwt_interop.Handle.t);
  let error = Atomic.make "" in
  Thread.join
    (Thread.create
       (fun () ->
         try ignore (Blocking.run ignore : unit Lwt.t)
         with Lwt_interop.Wrong_thread text -> Atomic.set error text)
       ());
  Expect.contains "the error" ~part:"Lwt_preemptive.run_in_main" (Atomic.get error);
  Lwt.return_unit

let suites =
  List.map
    (fun (place, tests) -> ("blocking: " ^ place, tests))
    (suites
       [
         case "values and exceptions come back unchanged" values;
         case "Rust runs OCaml functions in the pool" from_rust;
         case "a call on a systhread raises Wrong_thread" wrong_thread;
         case "at most four functions run at a time" many;
         alone "a function cancelled in the queue does not run" cancelled_in_the_queue;
         alone "a function cancelled while it runs is abandoned" cancelled_while_running;
         alone "loops keep running while all threads block" loops_keep_running;
         alone "submit waits for a permit" submit_waits;
         alone "a cancelled function returns its permit" cancelling_returns_permits;
         alone "Rust waits for a permit" submit_waits_in_rust;
         alone "a function whose domain terminates first does not run" domain_ends;
       ])
  @ [
      ( "blocking: all",
        [ plain "the pool works while Domain 0 runs no loop" domain_0_joins ] );
    ]
