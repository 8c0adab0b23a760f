open Lwt.Syntax
open Everywhere
module Pool = Lwt_interop.Pool
module Handle = Lwt_interop.Handle

let self () = (Domain.self () :> int)

let with_pool ?(domains = 2) f =
  let pool = Pool.create ~domains () in
  Lwt.finalize (fun () -> f pool) (fun () -> Pool.shutdown pool)

let invalid what f =
  match Expect.raised what f with Invalid_argument _ -> () | e -> raise e

let create () =
  with_pool ~domains:3 (fun pool ->
      Expect.int "size" 3 (Pool.size pool);
      let ids = List.init 3 (fun i -> Handle.id (Pool.handle pool i)) in
      Expect.int "different domains" 4
        (List.length (List.sort_uniq compare (self () :: ids)));
      let* seen =
        Lwt_list.mapi_p
          (fun i _ -> Pool.spawn_on pool i (fun () -> Lwt.return (self ())))
          ids
      in
      Expect.that "each its own" (seen = ids);
      invalid "handle 3" (fun () -> Pool.handle pool 3);
      invalid "handle -1" (fun () -> Pool.handle pool (-1));
      invalid "spawn_on 3" (fun () -> Pool.spawn_on pool 3 Lwt.return);
      invalid "no domains" (fun () -> Pool.create ~domains:0 ());
      invalid "fewer" (fun () -> Pool.create ~domains:(-1) ());
      invalid "no minor heap" (fun () -> Pool.create ~domains:1 ~minor_heap:0 ());
      Lwt.return_unit)

let least_loaded () =
  with_pool ~domains:3 (fun pool ->
      let gate = Atomic.make false in
      let wait () = Expect.eventually (fun () -> Atomic.get gate) in
      let busy = [ Pool.spawn_on pool 0 wait; Pool.spawn_on pool 2 wait ] in
      let free = Handle.id (Pool.handle pool 1) in
      let rec go n =
        if n = 0 then Lwt.return_unit
        else
          let* seen = Pool.spawn pool (fun () -> Lwt.return (self ())) in
          Expect.int "the free one" free seen;
          go (n - 1)
      in
      Lwt.finalize
        (fun () ->
          let* () = go 10 in
          let more =
            List.init 3 (fun _ -> Pool.spawn pool (fun () -> Lwt.map self (wait ())))
          in
          Atomic.set gate true;
          let* seen = Lwt.all more in
          Expect.that "dealt out" (List.length (List.sort_uniq compare seen) >= 2);
          Lwt.join busy)
        (fun () ->
          Atomic.set gate true;
          Lwt.return_unit))

(* A function that gives back a promise of another domain has ended all the same. *)
let foreign_promise () =
  with_pool ~domains:1 (fun pool ->
      let p, _ = Lwt.wait () in
      let* e = Expect.rejected "refused" (Pool.spawn pool (fun () -> p)) in
      match e with Invalid_argument _ -> Pool.shutdown pool | e -> raise e)

let map () =
  with_pool ~domains:2 (fun pool ->
      let n = 500 in
      let f i =
        let* text = Rust.yield_n (i mod 5) (string_of_int i) in
        Lwt.return (text, self ())
      in
      let* all = Pool.map pool f (List.init n Fun.id) in
      Expect.that "in order" (List.map fst all = List.init n string_of_int);
      Expect.int "on all domains" 2
        (List.length (List.sort_uniq compare (List.map snd all)));
      let* none = Pool.map pool f [] in
      Expect.that "none" (none = []);
      let* e =
        Expect.rejected "one fails"
          (Pool.map pool
             (fun i -> if i = 3 then failwith "three" else Lwt.return i)
             [ 1; 2; 3; 4 ])
      in
      Expect.that "its exception" (e = Failure "three");
      Lwt.return_unit)

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
  let refused what p =
    let* e = Expect.rejected what p in
    Expect.that what (e = Pool.Shut_down);
    Lwt.return_unit
  in
  let* () = refused "spawn" (Pool.spawn pool Lwt.return) in
  let* () = refused "spawn_on" (Pool.spawn_on pool 1 Lwt.return) in
  let* () = refused "map" (Pool.map pool Lwt.return [ 1 ]) in
  let* () = first in
  Expect.int "what was under way" 20 (Atomic.get ended);
  let* () = Lwt.join work in
  let* () = second in
  let* () = Pool.shutdown pool in
  Expect.that "its domains have ended" (not (Handle.is_alive (Pool.handle pool 0)));
  Lwt.return_unit

let replaced () =
  with_pool ~domains:2 (fun pool ->
      let old = Pool.handle pool 1 and other = Pool.handle pool 0 in
      let gate = Atomic.make false and handed_over = Atomic.make false in
      let slow () =
        let* () = Expect.eventually (fun () -> Atomic.get gate) in
        Lwt.return (self ())
      in
      let before = Pool.spawn_on pool 1 slow in
      let replacing =
        Pool.replace pool 1 (fun domain ->
            Expect.int "the old one" (Handle.id old) (Handle.id domain);
            let* seen = Handle.spawn domain (fun () -> Lwt.return (self ())) in
            Expect.int "it works on" (Handle.id old) seen;
            Lwt.return (Atomic.set handed_over true))
      in
      let fresh = Pool.handle pool 1 in
      Expect.that "another one" (not (Handle.equal fresh old));
      Expect.that "the other one stays" (Handle.equal other (Pool.handle pool 0));
      let* seen = Pool.spawn_on pool 1 (fun () -> Lwt.return (self ())) in
      Expect.int "runs on the new one" (Handle.id fresh) seen;
      let* () = Expect.eventually (fun () -> Atomic.get handed_over) in
      let* (_ : string) = Rust.yield_n 100 "" in
      Expect.that "it waits for what is under way" (Lwt.is_sleeping replacing);
      Lwt.cancel replacing;
      Expect.that "it cannot be cancelled" (Lwt.is_sleeping replacing);
      Atomic.set gate true;
      let* seen = before in
      Expect.int "what was under way" (Handle.id old) seen;
      let* () = replacing in
      Expect.that "it has ended" (not (Handle.is_alive old));
      invalid "replace 2" (fun () -> Pool.replace pool 2 (fun _ -> Lwt.return_unit));
      let failing = Pool.replace pool 1 (fun _ -> failwith "handing over") in
      let* e = Expect.rejected "what fails" failing in
      Expect.that "its exception" (e = Failure "handing over");
      Expect.that "it has ended all the same" (not (Handle.is_alive fresh));
      let* n = Pool.spawn_on pool 1 (fun () -> Lwt.return 7) in
      Expect.int "the pool goes on" 7 n;
      Lwt.return_unit)

(* From several domains, which choose one while it is replaced. *)
let replaced_under_load () =
  let pool = Pool.create ~domains:2 () in
  let stop = Atomic.make false and ran = Atomic.make 0 in
  let work k () =
    Atomic.incr ran;
    if k mod 3 = 0 then Lwt.return k
    else Lwt.map (fun (_ : string) -> k) (Rust.yield_n (k mod 7) "")
  in
  let rec user k =
    if Atomic.get stop then Lwt.return k
    else
      let* seen =
        if k mod 2 = 0 then Pool.spawn pool (work k)
        else Pool.spawn_on pool (k / 2 mod 2) (work k)
      in
      Expect.int "the answer" k seen;
      user (k + 1)
  in
  let users () = Lwt.all (List.init 4 (fun _ -> user 0)) in
  let others =
    List.init 2 (fun _ ->
        Domain.spawn (fun () ->
            Lwt_main.run (Lwt.map (List.fold_left ( + ) 0) (users ()))))
  in
  let mine = users () in
  let rec replace n =
    if n = 0 then Lwt.return_unit
    else
      let* () = Pool.replace pool (n mod 2) (fun _ -> Lwt.return_unit) in
      replace (n - 1)
  in
  let* () = replace 30 in
  Atomic.set stop true;
  let* mine = mine in
  let theirs = List.fold_left (fun n d -> n + Domain.join d) 0 others in
  Expect.int "each ran once" (List.fold_left ( + ) theirs mine) (Atomic.get ran);
  Pool.shutdown pool

let replaced_at_the_end () =
  let pool = Pool.create ~domains:1 () in
  let old = Pool.handle pool 0 in
  let stuck = Pool.spawn_on pool 0 (fun () -> fst (Lwt.task ())) in
  let replacing = Pool.replace pool 0 (fun _ -> Lwt.return_unit) in
  let fresh = Pool.handle pool 0 in
  let* () = Pool.shutdown pool ~deadline:0. in
  let* () = replacing in
  let* () = Expect.cancelled "what did not end" stuck in
  Expect.that "both have ended" (not (Handle.is_alive old || Handle.is_alive fresh));
  let again = Pool.replace pool 0 (fun _ -> Lwt.return_unit) in
  let* e = Expect.rejected "no more" again in
  Expect.that "it says why" (e = Pool.Shut_down);
  Lwt.return_unit

(* Whoever was refused, or does not take its answer, holds up nobody's end. *)
let absent_callers () =
  let pool = Pool.create ~domains:1 () in
  ignore (Handle.current () : Handle.t);
  let attempt () = ignore (Pool.spawn pool Lwt.return : unit Lwt.t) in
  let refused = Atomic.make false in
  let on_thread () =
    try attempt () with Lwt_interop.Wrong_thread _ -> Atomic.set refused true
  in
  Thread.join (Thread.create on_thread ());
  Expect.that "refused on a thread" (Atomic.get refused);
  let sent = Atomic.make false and over = Atomic.make false in
  let without_loop =
    Domain.spawn (fun () ->
        attempt ();
        Atomic.set sent true;
        Expect.eventually_blocking (fun () -> Atomic.get over))
  in
  let* () = Expect.eventually (fun () -> Atomic.get sent) in
  let* () = Pool.replace pool 0 (fun _ -> Lwt.return_unit) in
  let* () = Pool.shutdown pool in
  Atomic.set over true;
  Lwt.return (Domain.join without_loop)

(* What other domains send at that moment is answered or refused. *)
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
          Expect.int "the answer" k seen;
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

let handing_over_at_the_end () =
  let pool = Pool.create ~domains:2 () in
  let old = Pool.handle pool 0 in
  let endless, end_ = Lwt.wait () in
  let never = Pool.replace pool 0 (fun _ -> endless) in
  (* The same place once more. *)
  let again =
    Pool.replace pool 0 (fun _ -> Pool.replace pool 1 (fun _ -> Lwt.fail Exit))
  in
  let* e = Expect.rejected "of the inner one" again in
  Expect.that "its exception" (e = Exit);
  let* () = Pool.replace pool 1 (fun _ -> Pool.shutdown pool) in
  Expect.that "shutdown has not waited for it" (Lwt.is_sleeping never);
  Expect.that "but for its domain" (not (Handle.is_alive old));
  Lwt.wakeup end_ ();
  never

(* A domain that has failed is replaced like any other; whoever does that is told. *)
let failed () =
  let pool = Pool.create ~domains:1 () in
  let broken = Pool.handle pool 0 in
  let break () =
    let fail () = raise Exit in
    Lwt.return
      (ignore (Lwt_main.Enter_iter_hooks.add_last fail : Lwt_main.Enter_iter_hooks.hook))
  in
  let answer = Pool.spawn_on pool 0 break in
  let* () = Lwt.catch (fun () -> answer) (fun _ -> Lwt.return_unit) in
  let* () = Expect.eventually (fun () -> not (Handle.is_alive broken)) in
  let* e = Expect.rejected "told" (Pool.replace pool 0 (fun _ -> Lwt.return_unit)) in
  Expect.that "why it failed" (e = Exit);
  let* n = Pool.spawn pool (fun () -> Lwt.return 7) in
  Expect.int "the pool goes on" 7 n;
  Pool.shutdown pool

(* What takes longer than the deadline is cancelled; what does not care ends with its domain. *)
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
  Expect.int "what was quick" 3 n;
  let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 1) in
  let slow = Pool.shutdown pool in
  let* () = Pool.shutdown ~deadline:0.01 ~grace:0.2 pool in
  let* () = Expect.cancelled "the Rust call" rust in
  Expect.int "its future is dropped" 0 (Rust.futures_alive tag);
  let* () = Expect.cancelled "what cleans up" cleanup in
  Expect.that "it cleaned up" (Atomic.get cleaned);
  let* e = Expect.rejected "what does not care" stubborn in
  Expect.that "its domain is gone"
    (e = Lwt_interop.Domain_terminated (Handle.id (Pool.handle pool 0)));
  let* () = slow in
  Pool.shutdown ~deadline:0. pool

let deadline_not_reached () =
  let pool = Pool.create ~domains:1 () in
  let gate = Atomic.make false in
  let work = Pool.spawn pool (fun () -> Expect.eventually (fun () -> Atomic.get gate)) in
  let ended = Pool.shutdown ~deadline:100. pool in
  (* Only the waiting ends. *)
  let other = Pool.shutdown pool in
  Lwt.cancel other;
  let* () = Expect.cancelled "waiting" other in
  Expect.that "it goes on" (Lwt.is_sleeping ended);
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

let cancelled () =
  with_pool ~domains:1 (fun pool ->
      let tag = tag () in
      let p = Pool.spawn pool (fun () -> Rust.never tag) in
      let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 1) in
      Lwt.cancel p;
      let* () = Expect.cancelled "it" p in
      (* Otherwise the pool would not shut down. *)
      Expect.eventually (fun () -> Rust.futures_alive tag = 0))

let too_many () =
  let before = Array.length (Rust.known_domains ()) in
  (match Expect.raised "too many" (fun () -> Pool.create ~domains:200 ()) with
  | Failure _ -> ()
  | e -> raise e);
  Expect.int "the others have ended" before (Array.length (Rust.known_domains ()));
  Lwt_main.run
    (with_pool ~domains:2 (fun pool ->
         let* n = Pool.spawn pool (fun () -> Lwt.return 1) in
         Expect.int "it still works" 1 n;
         Lwt.return_unit))

(* Domains of a pool use the pool. *)
let from_within () =
  with_pool ~domains:2 (fun pool ->
      let rec fib n =
        if n < 2 then Lwt.return n
        else
          let* a = Pool.spawn pool (fun () -> fib (n - 1))
          and* b = Pool.spawn pool (fun () -> fib (n - 2)) in
          Lwt.return (a + b)
      in
      let* n = fib 12 in
      Expect.int "fib 12" 144 n;
      Lwt.return_unit)

let run () =
  invalid "no pool" Pool.default;
  let n =
    Lwt_interop.run ~domains:2 (fun () ->
        let pool = Pool.default () in
        Expect.int "its size" 2 (Pool.size pool);
        let* there =
          Pool.spawn pool (fun () -> Lwt.return (Pool.size (Pool.default ())))
        in
        invalid "within" (fun () -> Lwt_interop.run Lwt.return);
        Lwt.return there)
  in
  Expect.int "the value" 2 n;
  invalid "no pool any more" Pool.default;
  let e =
    Expect.raised "rejected" (fun () ->
        Lwt_interop.run ~domains:1 (fun () -> Lwt.fail Exit))
  in
  Expect.that "its exception" (e = Exit);
  let e =
    Expect.raised "raised" (fun () -> Lwt_interop.run ~domains:1 (fun () -> raise Exit))
  in
  Expect.that "its exception" (e = Exit);
  invalid "bad" (fun () -> Lwt_interop.run ~domains:0 Lwt.return);
  Expect.int "again" 3 (Lwt_interop.run ~domains:1 (fun () -> Lwt.return 3));
  (* On a domain other than the first. *)
  let n =
    Domain.join
      (Domain.spawn (fun () -> Lwt_interop.run ~domains:1 (fun () -> Rust.ready_add 1 2)))
  in
  Expect.int "on another domain" 3 n

let minor_heap () =
  let size () = (Gc.get ()).minor_heap_size in
  let here = size () in
  let pool = Pool.create ~domains:2 ~minor_heap:(2 * here) () in
  Lwt.finalize
    (fun () ->
      let* sizes = Pool.map pool (fun () -> Lwt.return (size ())) [ (); () ] in
      List.iter (Expect.int "words" (2 * here)) sizes;
      Expect.int "words of who made the pool" here (size ());
      Lwt.return_unit)
    (fun () -> Pool.shutdown pool)

let suites =
  List.map
    (fun (place, tests) -> ("pool: " ^ place, tests))
    (suites
       [
         case "create" create;
         alone "with larger minor heaps" minor_heap;
         case "spawn picks the least loaded" least_loaded;
         case "a promise of another domain" foreign_promise;
         case "map" map;
         case "shutdown" shut_down;
         case "shutdown with a deadline" deadline;
         case "shutdown before the deadline" deadline_not_reached;
         case "cancelled" cancelled;
         case "from within" from_within;
         case "replaced" replaced;
         case "replaced under load" replaced_under_load;
         case "replaced and shut down" replaced_at_the_end;
         case "replaced: hand_over at the end" handing_over_at_the_end;
         case "replaced after it failed" failed;
         case "callers that take no answer" absent_callers;
         case "shutdown under load" shut_down_under_load;
       ])
  @ [
      ( "pool: all",
        [ plain "more domains than OCaml allows" too_many; plain "Lwt_interop.run" run ]
      );
    ]
