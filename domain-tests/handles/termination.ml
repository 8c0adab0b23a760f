(* Domains terminate while there is work for them. *)

open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

let run = Lwt_main.run

let terminate other =
  other.end_ ();
  other.join ()

let rejected_by_termination what id p =
  let* e = Expect.rejected what p in
  match e with
  | Lwt_interop.Domain_terminated n ->
      Expect.int what id n;
      Lwt.return_unit
  | e -> raise e

let check_error_text what id text =
  Expect.string what
    (Printf.sprintf "domain %d terminated before the task finished" id)
    text

let pending_tasks () =
  let other = other () in
  let tag = tag () in
  run
    (let tasks = List.init 10 (fun _ -> Rust.pending_task_on tag other.id false) in
     let from_tokio =
       List.init 10 (fun _ -> Rust.pending_task_on_from_tokio tag other.id)
     in
     let spawned =
       List.init 10 (fun _ -> Handle.spawn other.handle (fun () -> Rust.never tag))
     in
     let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 30) in
     terminate other;
     let* texts = Lwt.all (tasks @ from_tokio) in
     List.iter (check_error_text "each" other.id) texts;
     let* () = Lwt_list.iter_p (rejected_by_termination "each" other.id) spawned in
     Expect.int "futures" 0 (Rust.futures_alive tag);
     Lwt.return_unit)

(* [Rust.task_with_outcome] converts a [JoinError] to an OCaml exception. *)
let join_errors () =
  let other = other () in
  run
    (let* here = Rust.task_with_outcome other.handle 0 in
     Expect.int "where the task runs" other.id here;
     let* e =
       Expect.rejected "a task that panics" (Rust.task_with_outcome other.handle 1)
     in
     (match e with
     | Lwt_interop.Rust_panic { message; _ } ->
         Expect.string "the message" "as asked" message
     | e -> raise e);
     let never = Rust.task_with_outcome other.handle 2 in
     terminate other;
     let* () = rejected_by_termination "pending at the end" other.id never in
     rejected_by_termination "sent after the end" other.id
       (Rust.task_with_outcome other.handle 0))

let handle_ended () =
  let other = other () in
  run
    (let ended = Handle.terminated other.handle
     and cancelled = Handle.terminated other.handle in
     let* here = Rust.task_with_outcome other.handle 0 in
     Expect.int "where the task runs" other.id here;
     Expect.that "Handle.terminated is pending" (Lwt.is_sleeping ended);
     Lwt.cancel cancelled;
     let* () = Expect.cancelled "a cancelled wait" cancelled in
     terminate other;
     let* () = ended in
     Expect.that "the domain is not alive" (not (Handle.is_alive other.handle));
     Handle.terminated other.handle)

(* The domain has left its loop, so none of its messages is delivered. *)
let queued_messages () =
  let other = other () in
  run
    (other.leave ();
     let spawned = Handle.spawn other.handle (fun () -> Lwt.return ()) in
     let call = Rust.closure_on other.id in
     let task = Rust.pending_task_on (tag ()) other.id false in
     let from_tokio = Rust.pending_task_on_from_tokio (tag ()) other.id in
     let cancelled = Handle.spawn other.handle (fun () -> Lwt.return ()) in
     let* () = Lwt_unix.sleep 0.005 in
     Lwt.cancel cancelled;
     terminate other;
     let* () = rejected_by_termination "spawn" other.id spawned in
     let* text = call in
     check_error_text "call" other.id text;
     let* text = task in
     check_error_text "task" other.id text;
     let* text = from_tokio in
     Expect.that "from tokio"
       (text = Printf.sprintf "domain %d terminated before the task finished" other.id
       || text = Printf.sprintf "no domain %d" other.id);
     Expect.cancelled "cancelled" cancelled)

let own_calls () =
  let tag = tag () and rejections = Atomic.make [] in
  let id =
    on_domain (fun () ->
        let me = (Domain.self () :> int) in
        let record what p =
          Lwt.on_any p
            (fun _ -> failwith "fulfilled")
            (fun e -> Atomic.set rejections ((what, e) :: Atomic.get rejections))
        in
        record "task" (Rust.never tag);
        record "tokio" (Rust.never_tokio tag);
        record "resolver" (Rust.promise_kept tag);
        record "await" (Rust.await_promise (fst (Lwt.wait ())));
        record "callback" (Rust.call_unit (fun () -> fst (Lwt.wait ())));
        let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 2) in
        Lwt.return me)
  in
  let rejections = Atomic.get rejections in
  Expect.int "rejections" 5 (List.length rejections);
  List.iter
    (fun (what, e) -> Expect.that what (e = Lwt_interop.Domain_terminated id))
    rejections;
  Expect.eventually_blocking (fun () -> Rust.futures_alive tag = 0);
  run
    (let* back = Rust.resolve_kept tag "precious" true in
     Expect.that "the resolver returns the value" (back = Some "precious");
     Lwt.return_unit)

let resolvers_after_the_end () =
  let tag = tag () in
  on_domain (fun () ->
      ignore (Rust.promise_kept tag : string Lwt.t);
      Lwt.return_unit);
  Expect.that "rejecting reports that the domain has terminated"
    (not (Rust.reject_kept tag "why"));
  on_domain (fun () ->
      ignore (Rust.promise_kept tag : string Lwt.t);
      Lwt.return_unit);
  Rust.drop_kept tag

let waiting_for_others () =
  let tag = tag () and rejections = Atomic.make [] and ended = Atomic.make false in
  let block_until_its_end () = Expect.eventually_blocking (fun () -> Atomic.get ended) in
  let other = other () in
  let id =
    on_domain (fun () ->
        let record p =
          Lwt.on_failure p (fun e -> Atomic.set rejections (e :: Atomic.get rejections))
        in
        record (Rust.pending_task_on tag other.id false);
        record (Handle.spawn other.handle (fun () -> Rust.never tag));
        record (Lwt_interop.Blocking.run block_until_its_end);
        let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 2) in
        Lwt.return (Domain.self () :> int))
  in
  Atomic.set ended true;
  Expect.int "rejections" 3 (List.length (Atomic.get rejections));
  List.iter
    (fun e ->
      Expect.that "the waiting domain terminated" (e = Lwt_interop.Domain_terminated id))
    (Atomic.get rejections);
  (* The other domain keeps the tasks, although nothing waits for them any more. *)
  run
    (let* seen, _ = Rust.task_on other.id in
     Expect.int "the other domain" other.id seen;
     Lwt.return_unit);
  Expect.int "tasks there" 2 (Rust.futures_alive tag);
  terminate other;
  Expect.int "tasks after its end" 0 (Rust.futures_alive tag)

let without_a_loop () =
  let tag = tag () in
  let promise = ref Lwt.return_unit in
  Domain.join (Domain.spawn (fun () -> promise := Rust.never tag));
  Expect.int "futures" 0 (Rust.futures_alive tag);
  Expect.that "the promise is resolved" (not (Lwt.is_sleeping !promise))

let by_an_exception () =
  let tag = tag () in
  let domain =
    Domain.spawn (fun () ->
        Lwt_main.run
          (let _ = Rust.never tag and _ = Rust.never_tokio tag in
           let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 2) in
           failwith "that's it"))
  in
  Expect.that "its exception"
    (Expect.raised "join" (fun () -> Domain.join domain) = Failure "that's it");
  Expect.eventually_blocking (fun () -> Rust.futures_alive tag = 0)

let after_the_end () =
  let other = other () in
  run
    (let* () =
       Handle.spawn other.handle (fun () ->
           Rust.remember_domain ();
           Lwt.return_unit)
     in
     Expect.that "alive" (Handle.is_alive other.handle);
     terminate other;
     Expect.that "not alive" (not (Handle.is_alive other.handle));
     Expect.that "the domain is not in Rust's registry"
       (not (Array.mem other.id (Rust.known_domains ())));
     let* errors = Rust.work_for_terminated () in
     let text = Printf.sprintf "domain %d has terminated" other.id in
     Expect.that "the errors return the work"
       (errors = [| (text, 1); (text, 2); (text, 3) |]);
     let* () =
       rejected_by_termination "spawn" other.id (Handle.spawn other.handle Lwt.return)
     in
     Expect.that "post" (not (Handle.post other.handle ignore));
     let stats = Handle.stats other.handle in
     Expect.that "its counters are still readable" (stats.messages_in > 0);
     Lwt.return_unit)

let panicking_destructors () =
  let tag = tag () in
  on_domain (fun () ->
      (* Half of them have not been polled when the domain terminates. *)
      Rust.spawn_panicking_drops tag 5;
      let* (_ : string) = Rust.yield_n 3 "" in
      Rust.spawn_panicking_drops tag 5;
      let _ = Rust.never_with_panicking_drop tag in
      Lwt.return_unit);
  Expect.int "futures" 0 (Rust.futures_alive tag);
  let other = other () in
  run
    (let polled = Rust.send_panicking_drop other.id in
     let* (_ : int * int) = Rust.task_on other.id in
     let* (_ : int * int) = Rust.task_on other.id in
     let queued = Rust.send_panicking_drop other.id in
     terminate other;
     let* a = polled and* b = queued in
     let expected = Printf.sprintf "terminated %d" other.id in
     Expect.string "a task that was polled" expected a;
     Expect.string "a task that was not polled" expected b;
     Lwt.return_unit)

(* Callbacks of promises that the domain's termination rejects. *)
let calls_after_the_executor () =
  let errors = Atomic.make [] in
  let record e = Atomic.set errors (e :: Atomic.get errors) in
  let id =
    on_domain (fun () ->
        let p = Rust.never 0 in
        Lwt.on_failure p (fun _ ->
            (try ignore (Rust.yield_n 1 "" : string Lwt.t) with e -> record e);
            (try ignore (Rust.length "" : int) with e -> record e);
            try ignore (Handle.current () : Handle.t) with e -> record e);
        Lwt.return (Domain.self () :> int))
  in
  Expect.int "errors" 3 (List.length (Atomic.get errors));
  List.iter
    (fun e -> Expect.that "Domain_terminated" (e = Lwt_interop.Domain_terminated id))
    (Atomic.get errors)

(* The senders do not know when the domain terminates. *)
let races () =
  for round = 1 to 30 do
    let other = other () in
    let values = Atomic.make 0 and terminations = Atomic.make 0 in
    let answer p =
      Lwt.try_bind
        (fun () -> p)
        (fun () ->
          Atomic.incr values;
          Lwt.return_unit)
        (function
          | Lwt_interop.Domain_terminated _ | Lwt_interop.Rust_error _ ->
              Atomic.incr terminations;
              Lwt.return_unit
          | e -> raise e)
    in
    let n = 50 in
    on_domains 2 (fun i ->
        Lwt_list.iter_p
          (fun k ->
            if k = round && i = 0 then other.end_ ();
            answer
              (match k mod 4 with
              | 0 -> Handle.spawn other.handle Lwt.pause
              | 1 -> Lwt.map ignore (Rust.task_on other.id)
              | 2 -> Lwt.map ignore (Rust.task_on_from_tokio other.id)
              | _ ->
                  Handle.spawn other.handle (fun () -> Lwt.map ignore (Rust.yield_n 2 ""))))
          (List.init n Fun.id));
    other.join ();
    Expect.int "outcomes" (2 * n) (Atomic.get values + Atomic.get terminations)
  done

(* A function that does not wait has run if and only if its sender gets its result. *)
let run_or_terminated () =
  let calls = Atomic.make 0 and values = Atomic.make 0 in
  let terminations = Atomic.make 0 in
  (* On a slow machine, it may be long before a domain terminates in the middle. *)
  let rounds = ref 0 in
  while !rounds < 30 || (Atomic.get terminations = 0 && !rounds < 1_000) do
    incr rounds;
    let round = ((!rounds - 1) mod 30) + 1 in
    let other = other () in
    let work () = Lwt.return (Atomic.incr calls) in
    on_domains 2 (fun i ->
        Lwt_list.iter_p
          (fun k ->
            if k = round && i = 0 then other.end_ ();
            Lwt.try_bind
              (fun () -> Handle.spawn other.handle work)
              (fun () -> Lwt.return (Atomic.incr values))
              (function
                | Lwt_interop.Domain_terminated id when id = other.id ->
                    Lwt.return (Atomic.incr terminations)
                | e -> Lwt.fail e))
          (List.init 50 Fun.id));
    other.join ()
  done;
  Expect.int "outcomes" (!rounds * 100) (Atomic.get values + Atomic.get terminations);
  Expect.int "functions that ran" (Atomic.get values) (Atomic.get calls);
  Expect.that "some ran" (Atomic.get values > 0);
  Expect.that "some did not run" (Atomic.get terminations > 0)

let thread_local_destructors () =
  let id =
    on_domain (fun () ->
        Rust.ask_at_thread_end ();
        Lwt.return (Domain.self () :> int))
  in
  (* [Domain.join] returns before the domain's thread has ended. *)
  let answers = ref [||] in
  Expect.eventually_blocking (fun () ->
      answers := Array.append !answers (Rust.answers_at_thread_end ());
      !answers <> [||]);
  let text = !answers.(0) in
  Expect.contains "the error" ~part:(Printf.sprintf "domain %d" id) text;
  Expect.contains "the error" ~part:"terminated" text

let suites =
  [
    ( "termination",
      [
        plain "tasks in progress fail, and are dropped" pending_tasks;
        plain "a JoinError becomes an OCaml exception" join_errors;
        plain "Handle.terminated is fulfilled" handle_ended;
        plain "messages in the queue fail" queued_messages;
        plain "the domain's own calls fail" own_calls;
        plain "a resolver may outlive its domain" resolvers_after_the_end;
        plain "waits for other domains fail" waiting_for_others;
        plain "a domain without a loop drops its futures" without_a_loop;
        plain "a loop that raises drops its domain's futures" by_an_exception;
        plain "work for a terminated domain comes back" after_the_end;
        plain "a destructor that panics does not stop it" panicking_destructors;
        plain "a call from a rejected promise's callback is an error"
          calls_after_the_executor;
        plain "each of the senders that race with it gets an outcome" races;
        plain "a function has run if and only if its sender gets the result"
          run_or_terminated;
        plain "a thread-local's destructor gets an error" thread_local_destructors;
      ] );
  ]
