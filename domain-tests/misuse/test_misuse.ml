open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

let self () = (Domain.self () :> int)

let names_domain text =
  Expect.contains "the error names the domain"
    ~part:(Printf.sprintf "domain %d" (self ()))
    text

let tokens () =
  let* tokio, pool, thread = Rust.misuse () in
  let is_error where text =
    Expect.contains where ~part:"cannot be used on thread" text;
    Expect.contains
      (where ^ ": the error says what to do")
      ~part:"Domain::call or Domain::spawn" text
  in
  is_error "a worker thread of tokio" tokio;
  Expect.contains "the error names the thread" ~part:"tokio" tokio;
  is_error "tokio's blocking pool" pool;
  is_error "a thread" thread;
  let* text = Rust.spawn_local_elsewhere () in
  is_error "spawn_local" text;
  Lwt.return_unit

let wrong_thread what f =
  match Expect.raised what f with
  | Lwt_interop.Wrong_thread text ->
      names_domain text;
      Expect.contains "the error says what to do" ~part:"Lwt_preemptive.run_in_main" text
  | e -> raise e

let all_calls_raise () =
  wrong_thread "a pending call" (fun () -> Rust.yield_n 1 "");
  wrong_thread "a ready call" (fun () -> Rust.ready_add 1 2);
  wrong_thread "a synchronous function" (fun () -> Rust.length "");
  wrong_thread "a call on tokio" (fun () -> Rust.on_tokio "");
  wrong_thread "a blocking function" (fun () -> Rust.sum_blocking [||]);
  wrong_thread "Handle.current" Handle.current

let systhreads () =
  (* The domain's executor belongs to the first thread that uses it. *)
  ignore (Handle.current () : Handle.t);
  let outcome = Atomic.make (Ok ()) in
  Thread.join
    (Thread.create
       (fun () -> try all_calls_raise () with e -> Atomic.set outcome (Error e))
       ());
  Result.iter_error raise (Atomic.get outcome);
  let* () = Lwt_preemptive.detach all_calls_raise () in
  let* text =
    Lwt_preemptive.detach
      (fun () -> Lwt_preemptive.run_in_main (fun () -> Rust.yield_n 2 "in the loop"))
      ()
  in
  Expect.string "run_in_main" "in the loop" text;
  let* text = Rust.yield_n 2 "still working" in
  Expect.string "the domain" "still working" text;
  Lwt.return_unit

(* The pool's threads belong to Domain 0, but do not run its loop. *)
let blocking_pool () =
  let* errors =
    Lwt_interop.Blocking.run (fun () ->
        List.map
          (fun f -> try f () with Lwt_interop.Wrong_thread text -> text)
          [
            (fun () ->
              ignore (Rust.yield_n 1 "" : string Lwt.t);
              "called");
            (fun () ->
              ignore (Rust.length "" : int);
              "called");
            (fun () ->
              ignore (Lwt_interop.Blocking.run ignore : unit Lwt.t);
              "called");
          ])
  in
  List.iter
    (fun text ->
      Expect.contains "the error names the domain" ~part:"domain 0" text;
      Expect.contains "the error says what to do" ~part:"in the loop" text)
    errors;
  Lwt.return_unit

(* The promise of a pending call. *)
let promise_elsewhere () =
  let tag = tag () in
  let p = Rust.never tag and me = self () in
  let* () =
    with_other (fun { handle; id; _ } ->
        Lwt_interop.Handle.spawn handle (fun () ->
            let names_both what f =
              match Expect.raised what f with
              | Invalid_argument text ->
                  let names id =
                    Expect.contains what ~part:(Printf.sprintf "domain %d" id) text
                  in
                  names me;
                  names id
              | e -> raise e
            in
            names_both "cancel" (fun () -> Lwt.cancel p);
            names_both "bind" (fun () -> Lwt.bind p Lwt.return);
            names_both "pick" (fun () -> Lwt.pick [ p; Lwt.pause () ]);
            names_both "on_any" (fun () -> Lwt.on_any p ignore ignore);
            Lwt.return_unit))
  in
  Expect.that "the promise is still pending" (Lwt.is_sleeping p);
  Expect.int "futures" 1 (Rust.futures_alive tag);
  Lwt.cancel p;
  Expect.cancelled "cancelled by its own domain" p

(* Finalisers run wherever OCaml allocates: also within Rust's conversions, on any domain, and on
   threads that run no loop. Each of their calls either works or raises an exception. *)
let finalisers () =
  let made = Atomic.make 0 and resolved = Atomic.make 0 and failed = Atomic.make 0 in
  let finalise _ =
    match (Rust.ready_add 1 2, Rust.yield_n 2 "", Rust.length "four") with
    | ready, pending, 4 ->
        Lwt.on_any (Lwt.both ready pending)
          (fun _ -> Atomic.incr resolved)
          (fun _ -> Atomic.incr resolved)
    | _ -> Expect.failf "a wrong result"
    | exception (Lwt_interop.Wrong_thread _ | Lwt_interop.Domain_terminated _) ->
        Atomic.incr failed
    | exception Failure text ->
        (* The finaliser runs while its domain's executor is being made. *)
        Expect.contains "the error" ~part:"is being created" text;
        Atomic.incr failed
  in
  let rec churn n =
    if n = 0 then Lwt.return_unit
    else
      let value = ref n in
      Gc.finalise finalise value;
      Atomic.incr made;
      let* (_ : string * float array * string option) = Rust.structured (!value mod 10) in
      if n mod 50 = 0 then Gc.full_major ();
      churn (n - 1)
  in
  let* () = churn 300 in
  let thread = Thread.create (fun () -> Gc.full_major ()) () in
  let* () = Lwt_preemptive.detach Thread.join thread in
  Gc.full_major ();
  Expect.eventually (fun () ->
      Atomic.get resolved + Atomic.get failed > Atomic.get made / 2)

(* In a task, [call_blocking] is an error, while an executor of the task's own works. *)
let nested_executors () =
  let* call_blocking, local = Rust.nested_executors () in
  Expect.contains "call_blocking" ~part:"would block the Lwt loop" call_blocking;
  Expect.contains "the error names the domain"
    ~part:(Printf.sprintf "domain %d" (self ()))
    call_blocking;
  Expect.string "an executor of the task's own" "ran" local;
  let* text = Rust.yield_n 2 "still working" in
  Expect.string "the domain" "still working" text;
  Lwt.return_unit

let nested_loop () =
  let nested _ = Lwt.return (Lwt_main.run (Rust.ready_add 1 2)) in
  let* e = Expect.rejected "in a callback" (Rust.call_async nested 1) in
  (match e with
  | Failure text -> Expect.contains "Lwt's error" ~part:"Nested" text
  | e -> raise e);
  let* text = Rust.yield_n 2 "still working" in
  Expect.string "the domain" "still working" text;
  Lwt.return_unit

(* The function is registered before the library's own, so it is called after it. *)
let after_the_end () =
  let errors = Atomic.make [] in
  let attempt f =
    match f () with _ -> () | exception e -> Atomic.set errors (e :: Atomic.get errors)
  in
  let id = Atomic.make (-1) in
  Domain.join
    (Domain.spawn (fun () ->
         Domain.at_exit (fun () ->
             attempt (fun () -> ignore (Rust.yield_n 1 "" : string Lwt.t));
             attempt (fun () -> ignore (Rust.ready_add 1 1 : int Lwt.t));
             attempt (fun () -> ignore (Rust.length "" : int));
             attempt (fun () -> ignore (Rust.on_tokio "" : _ Lwt.t));
             attempt (fun () -> ignore (Handle.current () : Handle.t));
             attempt (fun () -> ignore (Lwt_interop.Blocking.run ignore : unit Lwt.t)));
         Atomic.set id (self ());
         Lwt_main.run (Lwt.map ignore (Rust.yield_n 2 ""))));
  Expect.int "errors" 6 (List.length (Atomic.get errors));
  List.iter
    (fun e ->
      Expect.that "Domain_terminated" (e = Lwt_interop.Domain_terminated (Atomic.get id)))
    (Atomic.get errors)

(* The function is registered after the library's own, so it is called before it. *)
let before_the_end () =
  let text = Atomic.make "" in
  Domain.join
    (Domain.spawn (fun () ->
         Lwt_main.run (Lwt.map ignore (Rust.yield_n 2 ""));
         Domain.at_exit (fun () ->
             Atomic.set text (Lwt_main.run (Rust.yield_n 3 "at exit")))));
  Expect.string "a call at exit" "at exit" (Atomic.get text)

(* Messages, wake-ups and completions arrive while no loop runs. *)
let between_loops () =
  let home = Handle.current () in
  let received = Atomic.make 0 in
  let kept = tag () in
  let pending = Rust.promise_kept kept in
  let in_flight = List.init 100 (fun i -> Rust.on_tokio (string_of_int i)) in
  Lwt_main.run (Lwt.map ignore (Rust.yield_n 2 ""));
  Domain.join
    (Domain.spawn (fun () ->
         for _ = 1 to 100 do
           ignore (Handle.post home (fun () -> Atomic.incr received) : bool)
         done;
         (* Its result needs the loop of this domain. *)
         Lwt_main.run (Lwt.map ignore (Rust.resolve_kept kept "between" true))));
  Expect.int "messages before the loop" 0 (Atomic.get received);
  Expect.that "the promise is pending before the loop" (Lwt.is_sleeping pending);
  let text = Lwt_main.run pending in
  Expect.string "the resolved promise" "between" text;
  List.iteri
    (fun i p -> Expect.string "a call on tokio" (string_of_int i) (fst (Lwt_main.run p)))
    in_flight;
  (* A loop takes some in each iteration, as its budget allows. *)
  Lwt_main.run (Expect.eventually (fun () -> Atomic.get received = 100));
  (* A loop that nothing but the message wakes. *)
  let p, u = Lwt.wait () in
  let other =
    Domain.spawn (fun () -> Handle.post home (fun () -> Lwt.wakeup_later u ()))
  in
  Lwt_main.run p;
  Expect.that "the message was sent" (Domain.join other)

let many_loops () =
  for i = 1 to 2000 do
    Expect.int "a call in a loop of its own" i
      (Lwt_main.run (Lwt.map (fun _ -> i) (Rust.yield_n 1 "")))
  done;
  for i = 1 to 200 do
    (match
       Lwt_main.run (Lwt.bind (Rust.yield_n 1 "") (fun _ -> failwith "on purpose"))
     with
    | () -> Expect.failf "expected Failure, but the loop returned"
    | exception Failure _ -> ());
    ignore (fst (Lwt_main.run (Rust.on_tokio (string_of_int i))) : string)
  done

let twice where =
  ( where,
    [
      plain "messages sent while no loop runs wait for the next" between_loops;
      plain "a domain runs many loops" many_loops;
    ] )

let on_a_domain (name, tests) =
  ( "a domain: " ^ name,
    List.map
      (fun (name, speed, f) -> (name, speed, fun () -> Domain.join (Domain.spawn f)))
      tests )

let () =
  Alcotest.run "misuse"
    (suites
       [
         case "a thread of no domain gets an error instead of a token" tokens;
         case "a call on a systhread raises Wrong_thread" systhreads;
         case "a call in the blocking pool raises Wrong_thread" blocking_pool;
         case "a promise used on another domain is an error" promise_elsewhere;
         case "finalisers may call Rust" finalisers;
         case "call_blocking in a task is an error" nested_executors;
         case "Lwt_main.run in a callback is an error" nested_loop;
       ]
    @ [
        twice "loops";
        on_a_domain (twice "loops");
        ( "at_exit",
          [
            plain "calls after the domain's termination fail" after_the_end;
            plain "calls before the domain's termination work" before_the_end;
          ] );
        ("at the end", [ nothing_left () ]);
      ])
