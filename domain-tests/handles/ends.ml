(* Domains end while there is work for them. *)

open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

let run = Lwt_main.run

let end_of other =
  other.end_ ();
  other.join ()

let terminated what id p =
  let* e = Expect.rejected what p in
  match e with
  | Lwt_interop.Domain_terminated n ->
      Expect.int what id n;
      Lwt.return_unit
  | e -> raise e

let told_terminated what id text =
  Expect.string what (Printf.sprintf "domain %d terminated before the task did" id) text

let pending_visits () =
  let other = other () in
  let tag = tag () in
  run
    (let visits = List.init 10 (fun _ -> Rust.visit_never tag other.id false) in
     let from_tokio = List.init 10 (fun _ -> Rust.visit_never_from_tokio tag other.id) in
     let spawned =
       List.init 10 (fun _ -> Handle.spawn other.handle (fun () -> Rust.never tag))
     in
     let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 30) in
     end_of other;
     let* texts = Lwt.all (visits @ from_tokio) in
     List.iter (told_terminated "each" other.id) texts;
     let* () = Lwt_list.iter_p (terminated "each" other.id) spawned in
     Expect.int "all futures were dropped" 0 (Rust.futures_alive tag);
     Lwt.return_unit)

(* What Rust is told of another domain, in OCaml's terms. *)
let as_exceptions () =
  let other = other () in
  run
    (let* here = Rust.send_there other.handle 0 in
     Expect.int "it ran there" other.id here;
     let* e = Expect.rejected "it panics" (Rust.send_there other.handle 1) in
     (match e with
     | Lwt_interop.Rust_panic { message; _ } ->
         Expect.string "the message" "as asked" message
     | e -> raise e);
     let never = Rust.send_there other.handle 2 in
     end_of other;
     let* () = terminated "it ended meanwhile" other.id never in
     terminated "it had ended" other.id (Rust.send_there other.handle 0))

let told_of () =
  let other = other () in
  run
    (let ended = Handle.terminated other.handle
     and given_up = Handle.terminated other.handle in
     let* here = Rust.send_there other.handle 0 in
     Expect.int "it is alive" other.id here;
     Expect.that "it has not ended" (Lwt.is_sleeping ended);
     Lwt.cancel given_up;
     let* () = Expect.cancelled "who does not wait" given_up in
     end_of other;
     let* () = ended in
     Expect.that "it is not alive" (not (Handle.is_alive other.handle));
     Handle.terminated other.handle)

(* The domain is out of its loop, so nothing of it is started. *)
let queued () =
  let other = other () in
  run
    (other.leave ();
     let spawned = Handle.spawn other.handle (fun () -> Lwt.return ()) in
     let call = Rust.call_there other.id in
     let visit = Rust.visit_never (tag ()) other.id false in
     let from_tokio = Rust.visit_never_from_tokio (tag ()) other.id in
     let cancelled = Handle.spawn other.handle (fun () -> Lwt.return ()) in
     let* () = Lwt_unix.sleep 0.005 in
     Lwt.cancel cancelled;
     end_of other;
     let* () = terminated "spawn" other.id spawned in
     let* text = call in
     told_terminated "call" other.id text;
     let* text = visit in
     told_terminated "visit" other.id text;
     let* text = from_tokio in
     Expect.that "from tokio"
       (text = Printf.sprintf "domain %d terminated before the task did" other.id
       || text = Printf.sprintf "no domain %d" other.id);
     Expect.cancelled "cancelled" cancelled)

let its_own_calls () =
  let tag = tag () and told = Atomic.make [] in
  let id =
    on_domain (fun () ->
        let me = (Domain.self () :> int) in
        let learn what p =
          Lwt.on_any p
            (fun _ -> failwith "fulfilled")
            (fun e -> Atomic.set told ((what, e) :: Atomic.get told))
        in
        learn "task" (Rust.never tag);
        learn "tokio" (Rust.never_tokio tag);
        learn "resolver" (Rust.promise_kept tag);
        learn "await" (Rust.await_promise (fst (Lwt.wait ())));
        learn "callback" (Rust.call_unit (fun () -> fst (Lwt.wait ())));
        let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 2) in
        Lwt.return me)
  in
  let told = Atomic.get told in
  Expect.int "all were told" 5 (List.length told);
  List.iter
    (fun (what, e) -> Expect.that what (e = Lwt_interop.Domain_terminated id))
    told;
  Expect.eventually_blocking (fun () -> Rust.futures_alive tag = 0);
  run
    (let* back = Rust.resolve_kept tag "precious" true in
     Expect.that "the resolver gives the value back" (back = Some "precious");
     Lwt.return_unit)

let rejected_too_late () =
  let tag = tag () in
  on_domain (fun () ->
      ignore (Rust.promise_kept tag : string Lwt.t);
      Lwt.return_unit);
  Expect.that "nobody is there" (not (Rust.reject_kept tag "why"));
  on_domain (fun () ->
      ignore (Rust.promise_kept tag : string Lwt.t);
      Lwt.return_unit);
  Rust.drop_kept tag

let waiting_for_others () =
  let tag = tag () and told = Atomic.make [] and ended = Atomic.make false in
  let until_its_end () = Expect.eventually_blocking (fun () -> Atomic.get ended) in
  let other = other () in
  let id =
    on_domain (fun () ->
        let learn p =
          Lwt.on_failure p (fun e -> Atomic.set told (e :: Atomic.get told))
        in
        learn (Rust.visit_never tag other.id false);
        learn (Handle.spawn other.handle (fun () -> Rust.never tag));
        learn (Lwt_interop.Blocking.run until_its_end);
        let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 2) in
        Lwt.return (Domain.self () :> int))
  in
  Atomic.set ended true;
  Expect.int "all were told" 3 (List.length (Atomic.get told));
  List.iter
    (fun e -> Expect.that "its own end" (e = Lwt_interop.Domain_terminated id))
    (Atomic.get told);
  (* The other domain keeps what it was given, and answers to nobody. *)
  run
    (let* seen, _ = Rust.visit other.id in
     Expect.int "the other domain" other.id seen;
     Lwt.return_unit);
  Expect.int "it goes on" 2 (Rust.futures_alive tag);
  end_of other;
  Expect.int "until its end" 0 (Rust.futures_alive tag)

let without_a_loop () =
  let tag = tag () in
  let promise = ref Lwt.return_unit in
  Domain.join (Domain.spawn (fun () -> promise := Rust.never tag));
  Expect.int "the future was dropped" 0 (Rust.futures_alive tag);
  Expect.that "the promise is settled" (not (Lwt.is_sleeping !promise))

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

let dead () =
  let other = other () in
  run
    (let* () =
       Handle.spawn other.handle (fun () ->
           Rust.remember_me ();
           Lwt.return_unit)
     in
     Expect.that "alive" (Handle.is_alive other.handle);
     end_of other;
     Expect.that "not alive" (not (Handle.is_alive other.handle));
     Expect.that "Rust does not know it"
       (not (Array.mem other.id (Rust.known_domains ())));
     let* told = Rust.visit_dead () in
     let text = Printf.sprintf "domain %d has terminated" other.id in
     Expect.that "errors, and the work" (told = [| (text, 1); (text, 2); (text, 3) |]);
     let* () = terminated "spawn" other.id (Handle.spawn other.handle Lwt.return) in
     Expect.that "post" (not (Handle.post other.handle ignore));
     let stats = Handle.stats other.handle in
     Expect.that "its counters stay" (stats.messages_in > 0);
     Lwt.return_unit)

let bombs () =
  let tag = tag () in
  on_domain (fun () ->
      (* Half of them have not been polled when the domain ends. *)
      Rust.leave_bombs tag 5;
      let* (_ : string) = Rust.yield_n 3 "" in
      Rust.leave_bombs tag 5;
      let _ = Rust.never_bomb tag in
      Lwt.return_unit);
  Expect.int "all were dropped" 0 (Rust.futures_alive tag);
  let other = other () in
  run
    (let polled = Rust.send_bomb other.id in
     let* (_ : int * int) = Rust.visit other.id in
     let* (_ : int * int) = Rust.visit other.id in
     let queued = Rust.send_bomb other.id in
     end_of other;
     let* a = polled and* b = queued in
     let expected = Printf.sprintf "terminated %d" other.id in
     Expect.string "polled before" expected a;
     Expect.string "the other" expected b;
     Lwt.return_unit)

(* Callbacks of the promises that the end settles. *)
let late_calls () =
  let told = Atomic.make [] in
  let tell x = Atomic.set told (x :: Atomic.get told) in
  let id =
    on_domain (fun () ->
        let p = Rust.never 0 in
        Lwt.on_failure p (fun _ ->
            (try ignore (Rust.yield_n 1 "" : string Lwt.t) with e -> tell e);
            (try ignore (Rust.length "" : int) with e -> tell e);
            try ignore (Handle.current () : Handle.t) with e -> tell e);
        Lwt.return (Domain.self () :> int))
  in
  Expect.int "each was refused" 3 (List.length (Atomic.get told));
  List.iter
    (fun e -> Expect.that "and told why" (e = Lwt_interop.Domain_terminated id))
    (Atomic.get told)

(* Senders do not know when the domain ends: each of them gets an answer. *)
let races () =
  for round = 1 to 30 do
    let other = other () in
    let values = Atomic.make 0 and ends = Atomic.make 0 in
    let answer p =
      Lwt.try_bind
        (fun () -> p)
        (fun () ->
          Atomic.incr values;
          Lwt.return_unit)
        (function
          | Lwt_interop.Domain_terminated _ | Lwt_interop.Rust_error _ ->
              Atomic.incr ends;
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
              | 1 -> Lwt.map ignore (Rust.visit other.id)
              | 2 -> Lwt.map ignore (Rust.visit_from_tokio other.id)
              | _ ->
                  Handle.spawn other.handle (fun () -> Lwt.map ignore (Rust.yield_n 2 ""))))
          (List.init n Fun.id));
    other.join ();
    Expect.int "answers" (2 * n) (Atomic.get values + Atomic.get ends)
  done

(* What does not wait was done, or not: nobody is told that it was not although it was. *)
let done_or_not () =
  let calls = Atomic.make 0 and values = Atomic.make 0 and ends = Atomic.make 0 in
  for round = 1 to 30 do
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
                    Lwt.return (Atomic.incr ends)
                | e -> Lwt.fail e))
          (List.init 50 Fun.id));
    other.join ()
  done;
  Expect.int "answers" (30 * 100) (Atomic.get values + Atomic.get ends);
  Expect.int "what was done" (Atomic.get values) (Atomic.get calls);
  Expect.that "some were done" (Atomic.get values > 0);
  Expect.that "some were not" (Atomic.get ends > 0)

let asked_at_thread_end () =
  let id =
    on_domain (fun () ->
        Rust.ask_at_thread_end ();
        Lwt.return (Domain.self () :> int))
  in
  (* A domain is joined before its thread has ended. *)
  let answers = ref [||] in
  Expect.eventually_blocking (fun () ->
      answers := Array.append !answers (Rust.answers_at_thread_end ());
      !answers <> [||]);
  let text = !answers.(0) in
  Expect.contains "the answer" ~part:(Printf.sprintf "domain %d" id) text;
  Expect.contains "the answer" ~part:"terminated" text

let suites =
  [
    ( "ends",
      [
        plain "with tasks under way" pending_visits;
        plain "and Rust tells with exceptions" as_exceptions;
        plain "and who waits for it is told" told_of;
        plain "with messages in the queue" queued;
        plain "with calls of its own" its_own_calls;
        plain "before its promise is rejected" rejected_too_late;
        plain "while it waits for others" waiting_for_others;
        plain "without a loop" without_a_loop;
        plain "by an exception" by_an_exception;
        plain "and takes nothing any more" dead;
        plain "with destructors that panic" bombs;
        plain "and refuses late calls" late_calls;
        plain "when nobody knows" races;
        plain "before or after what does not wait" done_or_not;
        plain "before its thread does" asked_at_thread_end;
      ] );
  ]
