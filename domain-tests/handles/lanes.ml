(* Code that blocks, on Domain 0. *)

open Lwt.Syntax
open Everywhere
module Blocking = Lwt_interop.Blocking

exception Own of int ref

let self () = (Domain.self () :> int)

let values () =
  let* id = Blocking.run self in
  Expect.int "on Domain 0" 0 id;
  let mine = ref 1 in
  let* same = Blocking.run (fun () -> mine) in
  Expect.that "the same value" (same == mine);
  let exn = Own mine in
  let* e = Expect.rejected "raising" (Blocking.run (fun () -> raise exn)) in
  Expect.that "the very exception" (e == exn);
  let* line =
    Blocking.run (fun () ->
        let file = Filename.temp_file "lane" ".txt" in
        Out_channel.with_open_text file (fun c -> output_string c "a line");
        let text = In_channel.with_open_text file In_channel.input_all in
        Sys.remove file;
        text)
  in
  Expect.string "blocking channels" "a line" line;
  Lwt.return_unit

let from_rust () =
  let* n = Rust.on_lane (fun () -> 10 + self ()) in
  Expect.int "OCaml from Rust" 10 n;
  let* e = Expect.rejected "raising" (Rust.on_lane (fun () -> failwith "on the lane")) in
  (match e with
  | Lwt_interop.Rust_error { message; _ } ->
      Expect.contains "its text" ~part:"on the lane" message
  | e -> raise e);
  let* e = Expect.rejected "a panic" (Rust.panics_on_lane ()) in
  (match e with
  | Lwt_interop.Rust_panic { message; _ } ->
      Expect.string "its text" "on the lane" message
  | e -> raise e);
  let* n = Rust.on_lane (fun () -> 1) in
  Expect.int "the lane goes on" 1 n;
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
  Expect.that "each its value" (all = List.init 60 Fun.id);
  Expect.that "at most four at a time" (Atomic.get most <= 4);
  Lwt.return_unit

(* Fills the lane until the gate opens. *)
let fill () =
  let gate = Atomic.make false and inside = Atomic.make 0 in
  let job () =
    Atomic.incr inside;
    Expect.eventually_blocking (fun () -> Atomic.get gate)
  in
  let jobs = List.init 4 (fun _ -> Blocking.run job) in
  let* () = Expect.eventually (fun () -> Atomic.get inside = 4) in
  Lwt.return (jobs, fun () -> Atomic.set gate true)

let cancelled_in_the_queue () =
  let* jobs, open_gate = fill () in
  let ran = Atomic.make false in
  let queued = Blocking.run (fun () -> Atomic.set ran true) in
  let behind = Blocking.run (fun () -> 5) in
  let* () = Lwt_unix.sleep 0.002 in
  Expect.that "it waits" (Lwt.is_sleeping queued);
  Lwt.cancel queued;
  let* () = Expect.cancelled "it" queued in
  open_gate ();
  let* () = Lwt.join jobs in
  let* n = behind in
  Expect.int "the one behind it" 5 n;
  Expect.that "it did not run" (not (Atomic.get ran));
  Lwt.return_unit

let cancelled_while_running () =
  let* jobs, open_gate = fill () in
  List.iter Lwt.cancel jobs;
  let* () = Lwt_list.iter_p (Expect.cancelled "each") jobs in
  open_gate ();
  let* n = Blocking.run (fun () -> 6) in
  Expect.int "the lane goes on" 6 n;
  Lwt.return_unit

(* As many as there are places, while no thread is free. *)
let fill_queue () =
  let rec go jobs =
    match Blocking.try_submit ignore with Some job -> go (job :: jobs) | None -> jobs
  in
  go []

let waits_for_a_place () =
  let* jobs, open_gate = fill () in
  let queued = fill_queue () in
  Expect.int "places" 256 (List.length queued);
  let ran = Atomic.make 0 in
  let count () = Atomic.fetch_and_add ran 1 in
  let first = Blocking.submit count in
  let cancelled = Blocking.submit count in
  let last = Blocking.submit count in
  let run = Blocking.run count in
  let* () = Lwt_unix.sleep 0.002 in
  Expect.that "they wait" (List.for_all Lwt.is_sleeping [ first; cancelled; last ]);
  Lwt.cancel cancelled;
  let* () = Expect.cancelled "it" cancelled in
  open_gate ();
  let* first = first in
  let* last = last in
  let* () = Lwt.join (jobs @ queued) in
  let* n = first in
  let* m = last in
  let* o = run in
  Expect.that "in turn, but for the one that was cancelled"
    (List.sort compare [ n; m; o ] = [ 0; 1; 2 ]);
  let* free = Blocking.submit count in
  let* n = free in
  Expect.int "a place at once" 3 n;
  Lwt.return_unit

(* What is not wanted any more makes room at once, and leaves nothing behind. *)
let cancelled_gives_its_place () =
  let* jobs, open_gate = fill () in
  let ran = Atomic.make 0 in
  let count () = Atomic.fetch_and_add ran 1 in
  let queued = fill_queue () in
  let waiting = Blocking.submit count in
  Expect.that "full" (Blocking.try_submit count = None);
  Lwt.cancel (List.hd queued);
  let* admitted = waiting in
  Expect.that "full again" (Blocking.try_submit count = None);
  List.iter Lwt.cancel queued;
  let before = (Lwt_interop.totals ()).blocking_pool_queue in
  for _ = 1 to 10_000 do
    Lwt.cancel (Blocking.run count)
  done;
  Expect.int "the lane's queue" before (Lwt_interop.totals ()).blocking_pool_queue;
  let again = fill_queue () in
  Expect.int "all places but one" 255 (List.length again);
  open_gate ();
  let* () = Lwt.join (jobs @ again) in
  let* (_ : int) = admitted in
  let* (_ : int) = Blocking.run count in
  Expect.int "those that were wanted" 2 (Atomic.get ran);
  Lwt.return_unit

let waits_for_a_place_in_rust () =
  let* jobs, open_gate = fill () in
  let* places, sum, cancelled, ran = Rust.fill_lane open_gate in
  Expect.int "places" 256 places;
  Expect.int "cancelled" 1 cancelled;
  Expect.int "the others, and the one that waited" (100 + places - 2) sum;
  Expect.int "of the dropped ones" 0 ran;
  Lwt.join jobs

let domain_ends () =
  let* jobs, open_gate = fill () in
  let queued = fill_queue () in
  let ran = Atomic.make 0 and told = Atomic.make [] in
  let other = other () in
  let posted =
    Lwt_interop.Handle.post other.handle (fun () ->
        let count () = Atomic.incr ran in
        let learn p =
          Lwt.on_failure p (fun e -> Atomic.set told (e :: Atomic.get told))
        in
        learn (Blocking.run count);
        learn (Lwt.join [ Lwt.bind (Blocking.submit count) Fun.id ]))
  in
  Expect.that "posted" posted;
  other.end_ ();
  other.join ();
  let gone = Lwt_interop.Domain_terminated other.id in
  Expect.that "their promises" (Atomic.get told = [ gone; gone ]);
  open_gate ();
  let* () = Lwt.join (jobs @ queued) in
  let* () = Blocking.run ignore in
  Expect.int "none of them ran" 0 (Atomic.get ran);
  Lwt.return_unit

let others_go_on () =
  let* jobs, open_gate = fill () in
  let* () =
    with_other (fun { handle; id; _ } ->
        let* seen, _ = Rust.visit id in
        Expect.int "another domain" id seen;
        let* n = Lwt_interop.Handle.spawn handle (fun () -> Rust.yield_n 5 "x") in
        Expect.string "its loop" "x" n;
        Lwt.return_unit)
  in
  let* () = Lwt_unix.sleep 0.001 in
  let* text, _ = Rust.on_tokio "tokio" in
  Expect.string "tokio" "tokio" text;
  List.iter (fun p -> Expect.that "still blocked" (Lwt.is_sleeping p)) jobs;
  open_gate ();
  Lwt.join jobs

(* Domain 0 runs no loop: it waits in C, without its lock. *)
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
  (* The domain's executor belongs to the thread that had it first. *)
  ignore (Lwt_interop.Handle.current () : Lwt_interop.Handle.t);
  let told = Atomic.make "" in
  Thread.join
    (Thread.create
       (fun () ->
         try ignore (Blocking.run ignore : unit Lwt.t)
         with Lwt_interop.Wrong_thread text -> Atomic.set told text)
       ());
  Expect.contains "refused" ~part:"Lwt_preemptive.run_in_main" (Atomic.get told);
  Lwt.return_unit

let suites =
  List.map
    (fun (place, tests) -> ("lane: " ^ place, tests))
    (suites
       [
         case "values" values;
         case "from Rust" from_rust;
         case "from a systhread" wrong_thread;
         case "many" many;
         alone "cancelled in the queue" cancelled_in_the_queue;
         alone "cancelled while it runs" cancelled_while_running;
         alone "others go on" others_go_on;
         alone "submit waits for a place" waits_for_a_place;
         alone "a cancelled function gives its place back" cancelled_gives_its_place;
         alone "Rust waits for a place" waits_for_a_place_in_rust;
         alone "the domain ends before the function starts" domain_ends;
       ])
  @ [ ("lane: all", [ plain "Domain 0 has no loop" domain_0_joins ]) ]
