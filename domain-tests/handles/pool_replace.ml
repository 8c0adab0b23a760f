(* Pools: replacing a domain. *)

open Lwt.Syntax
open Everywhere
open Pool_fixture
module Pool = Lwt_interop.Pool
module Handle = Lwt_interop.Handle

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
            Expect.int "the domain that hand_over gets" (Handle.id old) (Handle.id domain);
            let* seen = Handle.spawn domain (fun () -> Lwt.return (self ())) in
            Expect.int "the old domain still takes work" (Handle.id old) seen;
            Lwt.return (Atomic.set handed_over true))
      in
      let new_ = Pool.handle pool 1 in
      Expect.that "the new domain is another one" (not (Handle.equal new_ old));
      Expect.that "the pool's other domain stays"
        (Handle.equal other (Pool.handle pool 0));
      let* seen = Pool.spawn_on pool 1 (fun () -> Lwt.return (self ())) in
      Expect.int "where new work runs" (Handle.id new_) seen;
      let* () = Expect.eventually (fun () -> Atomic.get handed_over) in
      let* (_ : string) = Rust.yield_n 100 "" in
      Expect.that "replace waits for work in progress" (Lwt.is_sleeping replacing);
      Lwt.cancel replacing;
      Expect.that "replace ignores cancelling" (Lwt.is_sleeping replacing);
      Atomic.set gate true;
      let* seen = before in
      Expect.int "where earlier work finishes" (Handle.id old) seen;
      let* () = replacing in
      Expect.that "the old domain has terminated" (not (Handle.is_alive old));
      invalid "replace 2" (fun () -> Pool.replace pool 2 (fun _ -> Lwt.return_unit));
      let failing = Pool.replace pool 1 (fun _ -> failwith "handing over") in
      let* e = Expect.rejected "a hand_over that fails" failing in
      Expect.that "its exception" (e = Failure "handing over");
      Expect.that "its domain has terminated" (not (Handle.is_alive new_));
      let* n = Pool.spawn_on pool 1 (fun () -> Lwt.return 7) in
      Expect.int "the pool still works" 7 n;
      Lwt.return_unit)

(* Users on several domains send work to a domain while it is replaced. *)
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
      Expect.int "the result" k seen;
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
  Expect.int "each function ran once" (List.fold_left ( + ) theirs mine) (Atomic.get ran);
  Pool.shutdown pool

let replaced_at_the_end () =
  let pool = Pool.create ~domains:1 () in
  let old = Pool.handle pool 0 in
  let stuck = Pool.spawn_on pool 0 (fun () -> fst (Lwt.task ())) in
  let replacing = Pool.replace pool 0 (fun _ -> Lwt.return_unit) in
  let new_ = Pool.handle pool 0 in
  let* () = Pool.shutdown pool ~deadline:0. in
  let* () = replacing in
  let* () = Expect.cancelled "a function that never finishes" stuck in
  Expect.that "both domains have terminated"
    (not (Handle.is_alive old || Handle.is_alive new_));
  let again = Pool.replace pool 0 (fun _ -> Lwt.return_unit) in
  let* e = Expect.rejected "a replace after the shutdown" again in
  Expect.that "the exception is Shut_down" (e = Pool.Shut_down);
  Lwt.return_unit

let handing_over_at_the_end () =
  let pool = Pool.create ~domains:2 () in
  let old = Pool.handle pool 0 in
  let pending, resolver = Lwt.wait () in
  let never = Pool.replace pool 0 (fun _ -> pending) in
  (* The same place once more, with another replace inside. *)
  let again =
    Pool.replace pool 0 (fun _ -> Pool.replace pool 1 (fun _ -> Lwt.fail Exit))
  in
  let* e = Expect.rejected "a hand_over whose own replace fails" again in
  Expect.that "its exception" (e = Exit);
  let* () = Pool.replace pool 1 (fun _ -> Pool.shutdown pool) in
  Expect.that "shutdown does not wait for hand_over" (Lwt.is_sleeping never);
  Expect.that "shutdown terminates the old domain" (not (Handle.is_alive old));
  Lwt.wakeup resolver ();
  never

(* The promise of replace is rejected with the exception that ended the loop. *)
let failed () =
  let pool = Pool.create ~domains:1 () in
  let broken = Pool.handle pool 0 in
  let break_loop () =
    let fail () = raise Exit in
    Lwt.return
      (ignore (Lwt_main.Enter_iter_hooks.add_last fail : Lwt_main.Enter_iter_hooks.hook))
  in
  let answer = Pool.spawn_on pool 0 break_loop in
  let* () = Lwt.catch (fun () -> answer) (fun _ -> Lwt.return_unit) in
  let* () = Expect.eventually (fun () -> not (Handle.is_alive broken)) in
  let* e = Expect.rejected "replace" (Pool.replace pool 0 (fun _ -> Lwt.return_unit)) in
  Expect.that "the loop's exception" (e = Exit);
  let* n = Pool.spawn pool (fun () -> Lwt.return 7) in
  Expect.int "the pool still works" 7 n;
  Pool.shutdown pool

let suites =
  List.map
    (fun (place, tests) -> ("pool, replace: " ^ place, tests))
    (suites
       [
         case "the old domain finishes its work, then terminates" replaced;
         case "nothing is lost under load" replaced_under_load;
         case "a shutdown terminates both domains" replaced_at_the_end;
         case "hand_over may replace and shut down" handing_over_at_the_end;
         case "a domain whose loop failed is replaced" failed;
       ])
