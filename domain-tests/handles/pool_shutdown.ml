(* Pools: shutting down. *)

open Lwt.Syntax
open Everywhere
module Pool = Lwt_interop.Pool
module Handle = Lwt_interop.Handle

let shut_down () =
  let pool = Pool.create ~domains:2 () in
  let ended = Atomic.make 0 in
  let slow () =
    let* () = Lwt_unix.sleep 0.01 in
    let* (_ : string) = Rust.yield_n 5 "" in
    let* (_ : string * string) = Rust.on_tokio "" in
    Atomic.incr ended;
    Lwt.return_unit
  in
  let work = List.init 20 (fun i -> Pool.spawn_on pool (i mod 2) slow) in
  let first = Pool.shutdown pool in
  let second = Pool.shutdown pool in
  let rejected what p =
    let* e = Expect.rejected what p in
    Expect.that what (e = Pool.Shut_down);
    Lwt.return_unit
  in
  let* () = rejected "spawn" (Pool.spawn pool Lwt.return) in
  let* () = rejected "spawn_on" (Pool.spawn_on pool 1 Lwt.return) in
  let* () = rejected "map" (Pool.map pool Lwt.return [ 1 ]) in
  let* () = first in
  Expect.int "functions in progress that finished" 20 (Atomic.get ended);
  Expect.that "their results are there" (not (List.exists Lwt.is_sleeping work));
  let* () = Lwt.join work in
  let* () = second in
  let* () = Pool.shutdown pool in
  Expect.that "its domains have terminated" (not (Handle.is_alive (Pool.handle pool 0)));
  Lwt.return_unit

(* Neither a call that raises nor a result that stays in its caller's queue counts as work in
   progress. *)
let absent_callers () =
  let pool = Pool.create ~domains:1 () in
  ignore (Handle.current () : Handle.t);
  let attempt () = ignore (Pool.spawn pool Lwt.return : unit Lwt.t) in
  let raised = Atomic.make false in
  let on_thread () =
    try attempt () with Lwt_interop.Wrong_thread _ -> Atomic.set raised true
  in
  Thread.join (Thread.create on_thread ());
  Expect.that "a systhread gets Wrong_thread" (Atomic.get raised);
  let sent = Atomic.make false and may_end = Atomic.make false in
  let without_loop =
    Domain.spawn (fun () ->
        attempt ();
        Atomic.set sent true;
        Expect.eventually_blocking (fun () -> Atomic.get may_end))
  in
  let* () = Expect.eventually (fun () -> Atomic.get sent) in
  let* () = Pool.replace pool 0 (fun _ -> Lwt.return_unit) in
  let* () = Pool.shutdown pool in
  Atomic.set may_end true;
  Lwt.return (Domain.join without_loop)

(* Functions that other domains send during the shutdown either run or fail with [Shut_down]. *)
let shut_down_under_load () =
  let round replaced =
    let pool = Pool.create ~domains:2 () in
    let begun = Atomic.make 0 in
    let rec user k =
      let answer =
        Pool.spawn_on pool (k mod 2) (fun () ->
            let* () = if k mod 3 = 0 then Lwt.pause () else Lwt.return_unit in
            Lwt.return k)
      in
      if k = 0 then Atomic.incr begun;
      let* seen =
        Lwt.catch
          (fun () -> Lwt.map Option.some answer)
          (function Pool.Shut_down -> Lwt.return_none | e -> Lwt.fail e)
      in
      match seen with
      | None -> Lwt.return_unit
      | Some seen ->
          Expect.int "the result" k seen;
          user (k + 1)
    in
    let users () = Lwt_main.run (Lwt.join (List.init 4 (fun _ -> user 0))) in
    let others = List.init 2 (fun _ -> Domain.spawn users) in
    let* () = Expect.eventually (fun () -> Atomic.get begun = 8) in
    let replacing =
      if replaced then Pool.replace pool 0 (fun _ -> Lwt.pause ()) else Lwt.return_unit
    in
    let* () = Pool.shutdown pool in
    let* () = replacing in
    Lwt.return (List.iter Domain.join others)
  in
  Lwt_list.iter_s round (List.init 20 (fun i -> i mod 2 = 0))

(* After the deadline functions are cancelled; one that ignores it is abandoned by its domain's
   termination. *)
let deadline () =
  let pool = Pool.create ~domains:2 () in
  let tag = tag () in
  let stubborn = Pool.spawn_on pool 0 (fun () -> fst (Lwt.wait ())) in
  let rust = Pool.spawn_on pool 1 (fun () -> Rust.never tag) in
  let cleaned = Atomic.make false in
  let with_cleanup () =
    Lwt.finalize
      (fun () -> fst (Lwt.task ()))
      (fun () ->
        let* (_ : string) = Rust.yield_n 3 "" in
        let* () = Lwt_unix.sleep 0.001 in
        Atomic.set cleaned true;
        Lwt.return_unit)
  in
  let cleanup = Pool.spawn_on pool 1 with_cleanup in
  let quick = Pool.spawn pool (fun () -> Rust.ready_add 1 2) in
  let* n = quick in
  Expect.int "a function that finishes in time" 3 n;
  let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 1) in
  let slow = Pool.shutdown pool in
  let* () = Pool.shutdown ~deadline:0.01 ~grace:0.2 pool in
  let* () = Expect.cancelled "the Rust call" rust in
  Expect.int "its futures" 0 (Rust.futures_alive tag);
  let* () = Expect.cancelled "a function that cleans up" cleanup in
  Expect.that "its clean-up has finished" (Atomic.get cleaned);
  let* e = Expect.rejected "a function that ignores cancelling" stubborn in
  Expect.that "its domain has terminated"
    (e = Lwt_interop.Domain_terminated (Handle.id (Pool.handle pool 0)));
  let* () = slow in
  Pool.shutdown ~deadline:0. pool

let deadline_not_reached () =
  let pool = Pool.create ~domains:1 () in
  let gate = Atomic.make false in
  let work = Pool.spawn pool (fun () -> Expect.eventually (fun () -> Atomic.get gate)) in
  let ended = Pool.shutdown ~deadline:100. pool in
  (* Cancelling the promise of shutdown only stops waiting for it. *)
  let other = Pool.shutdown pool in
  Lwt.cancel other;
  let* () = Expect.cancelled "a cancelled wait" other in
  Expect.that "the shutdown is still in progress" (Lwt.is_sleeping ended);
  Atomic.set gate true;
  let* () = ended in
  let* () = work in
  let bad what f =
    match Expect.raised what f with
    | Invalid_argument text -> Expect.contains what ~part:what text
    | e -> raise e
  in
  bad "deadline" (fun () -> Pool.shutdown ~deadline:(-1.) pool);
  bad "deadline" (fun () -> Pool.shutdown ~deadline:Float.nan pool);
  bad "grace" (fun () -> Pool.shutdown ~grace:(-1.) pool);
  Lwt.return_unit

(* A domain ends when its systhreads have, and the loop that waits for it goes on. *)
let systhreads_remain () =
  let pool = Pool.create ~domains:2 () in
  let may_end = Atomic.make false in
  let wait_for_permit () = Expect.eventually_blocking (fun () -> Atomic.get may_end) in
  let start_thread () =
    ignore (Thread.create wait_for_permit () : Thread.t);
    Lwt.return_unit
  in
  let* replaced, ended =
    Lwt.finalize
      (fun () ->
        let* () = Pool.spawn_on pool 0 start_thread in
        let old = Pool.handle pool 0 in
        let replaced = Pool.replace pool 0 (fun _ -> Lwt.return_unit) in
        let* () = Expect.eventually (fun () -> not (Handle.is_alive old)) in
        let* () = Pool.spawn_on pool 1 start_thread in
        let ended = Pool.shutdown ~deadline:0. pool in
        let last = Pool.handle pool 1 in
        let* () = Expect.eventually (fun () -> not (Handle.is_alive last)) in
        let* () = Lwt_unix.sleep 0.05 in
        Expect.that "both wait for systhreads"
          (Lwt.is_sleeping replaced && Lwt.is_sleeping ended);
        Lwt.return (replaced, ended))
      (fun () ->
        Atomic.set may_end true;
        Lwt.return_unit)
  in
  let* () = replaced in
  ended

exception Planted

(* OCaml calls none of the exit functions that were registered before it: the domain's executor is not closed. *)
let exit_function_raises () =
  let pool = Pool.create ~domains:2 () in
  let* () =
    Pool.spawn_on pool 1 (fun () ->
        Domain.at_exit (fun () -> raise Planted);
        Lwt.return_unit)
  in
  let* e = Expect.rejected "the shutdown" (Pool.shutdown pool) in
  Expect.that "with the exception" (e = Planted);
  Expect.that "the other domain has terminated"
    (not (Handle.is_alive (Pool.handle pool 0)));
  Lwt.return_unit

let suites =
  List.map
    (fun (place, tests) -> ("pool, shutdown: " ^ place, tests))
    (suites
       [
         case "work in progress finishes, new work is rejected" shut_down;
         case "a deadline cancels, and then terminates domains" deadline;
         case "a deadline that is not reached cancels nothing" deadline_not_reached;
         case "under load, senders get an outcome" shut_down_under_load;
         case "callers that never take their results do not block it" absent_callers;
         case "systhreads delay it, and do not block the loop" systhreads_remain;
         case "an exit function raises" exit_function_raises;
       ])
