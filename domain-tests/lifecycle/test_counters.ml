(* Counters rise and fall with the things that they count. *)

open Lwt.Syntax
open Everywhere

let totals = Lwt_interop.totals

(* Checks that [during before now] holds after [start], and that the totals are those of before
   after [stop]. *)
let comes_and_goes ~during ~start ~stop () =
  (* The domain has its executor from the first iteration of its loop on. *)
  let* () = Lwt.pause () in
  let before = totals () in
  let* started = start () in
  let* () = Expect.eventually (fun () -> during before (totals ())) in
  let* () = stop started in
  Expect.eventually (fun () ->
      let t = totals () in
      t.calls_started = t.calls_resolved
      && { t with calls_started = 0; calls_resolved = 0; blocking_pool_threads = 0 }
         = {
             before with
             calls_started = 0;
             calls_resolved = 0;
             blocking_pool_threads = 0;
           })

let cancel p =
  Lwt.cancel p;
  Lwt.return_unit

let call =
  comes_and_goes
    ~during:(fun b t ->
      t.calls_started = b.calls_started + 1
      && t.calls_resolved = b.calls_resolved
      && t.slots = b.slots + 1
      && t.tasks = b.tasks + 1)
    ~start:(fun () -> Lwt.return (Rust.never 0))
    ~stop:cancel

let tokio =
  comes_and_goes
    ~during:(fun b t -> t.slots = b.slots + 1 && t.tokio_tasks = b.tokio_tasks + 1)
    ~start:(fun () -> Lwt.return (Rust.never_tokio 0))
    ~stop:cancel

(* A wait takes two slots, for the call and for the promise, a task, and a root for the promise's
   outcome. *)
let wait =
  comes_and_goes
    ~during:(fun b t ->
      t.slots = b.slots + 2 && t.tasks = b.tasks + 1 && t.roots = b.roots + 1)
    ~start:(fun () ->
      let p, u = Lwt.wait () in
      let call = Rust.await_promise p in
      Lwt.return (u, call))
    ~stop:(fun (u, call) ->
      Lwt.wakeup u "";
      Lwt.map ignore call)

let root =
  comes_and_goes
    ~during:(fun b t -> t.roots = b.roots + 1)
    ~start:(fun () ->
      let n = tag () in
      Rust.keep n "kept";
      Lwt.return n)
    ~stop:(fun n ->
      Rust.forget n;
      Lwt.return_unit)

let domain =
  comes_and_goes
    ~during:(fun b t -> t.domains = b.domains + 1)
    ~start:(fun () -> Lwt.return (other ()))
    ~stop:(fun other ->
      other.end_ ();
      other.join ();
      Lwt.return_unit)

(* The message stays in the queue of a domain that has left its loop. *)
let message =
  comes_and_goes
    ~during:(fun b t -> t.messages = b.messages + 1)
    ~start:(fun () ->
      let other = other () in
      other.leave ();
      Lwt.return (other, Rust.closure_on other.id))
    ~stop:(fun (other, call) ->
      other.end_ ();
      other.join ();
      Lwt.map ignore call)

let blocking =
  comes_and_goes
    ~during:(fun b t ->
      t.blocking_pool_threads = 4 && t.blocking_pool_queue = b.blocking_pool_queue + 2)
    ~start:(fun () ->
      let gate = Atomic.make false in
      let job () = Expect.eventually_blocking (fun () -> Atomic.get gate) in
      Lwt.return (gate, List.init 6 (fun _ -> Lwt_interop.Blocking.run job)))
    ~stop:(fun (gate, jobs) ->
      Atomic.set gate true;
      Lwt.join jobs)

let blocking_pool_at_rest () =
  Expect.eventually_blocking (fun () -> (totals ()).blocking_pool_threads = 0)

(* The domain's termination releases everything that the domain leaves behind. *)
let terminated () =
  let before = totals () in
  on_domain (fun () ->
      ignore (Rust.never 0 : unit Lwt.t);
      ignore (Rust.await_promise (fst (Lwt.wait ())) : string Lwt.t);
      ignore (Rust.pending_task_on 0 (Domain.self () :> int) false : string Lwt.t);
      let* () = Expect.eventually (fun () -> (totals ()).tasks = before.tasks + 4) in
      Expect.that "slots" ((totals ()).slots >= before.slots + 4);
      Lwt.return_unit);
  let t = totals () in
  Expect.int "slots" before.slots t.slots;
  Expect.int "tasks" before.tasks t.tasks;
  Expect.int "roots" before.roots t.roots;
  Expect.int "domains" before.domains t.domains

let () =
  Alcotest.run "counters"
    (suites ~several:[]
       [
         alone "a call counts until it is resolved" call;
         alone "a call on tokio counts its task" tokio;
         alone "a promise that Rust waits for takes a slot" wait;
         alone "a kept value is a root" root;
         alone "a domain counts while it has an executor" domain;
         alone "a message counts until it is received" message;
         alone "the blocking pool's threads and queue are counted" blocking;
       ]
    @ [
        ( "at the end",
          [
            plain "a terminated domain leaves nothing to count" terminated;
            plain "an idle blocking pool has no threads" blocking_pool_at_rest;
            nothing_left ();
          ] );
      ])
