open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

let self () = (Domain.self () :> int)

let names_domain text =
  Expect.contains "names the domain" ~part:(Printf.sprintf "domain %d" (self ())) text

let tokens () =
  let* tokio, pool, thread = Rust.misuse () in
  let refused where text =
    Expect.contains where ~part:"cannot be used on thread" text;
    Expect.contains (where ^ " says what to do") ~part:"Domain::call or Domain::spawn"
      text
  in
  refused "a tokio worker" tokio;
  Expect.contains "it is named" ~part:"tokio" tokio;
  refused "tokio's blocking pool" pool;
  refused "a thread" thread;
  let* text = Rust.spawn_local_elsewhere () in
  refused "spawn_local" text;
  Lwt.return_unit

let refusal what f =
  match Expect.raised what f with
  | Lwt_interop.Wrong_thread text ->
      names_domain text;
      Expect.contains "says what to do" ~part:"Lwt_preemptive.run_in_main" text
  | e -> raise e

let each_refused () =
  refusal "pending" (fun () -> Rust.yield_n 1 "");
  refusal "ready" (fun () -> Rust.ready_add 1 2);
  refusal "synchronous" (fun () -> Rust.length "");
  refusal "tokio" (fun () -> Rust.on_tokio "");
  refusal "blocking" (fun () -> Rust.sum_blocking [||]);
  refusal "Handle.current" Handle.current

let systhreads () =
  (* The domain's executor belongs to the thread that had it first. *)
  ignore (Handle.current () : Handle.t);
  let outcome = Atomic.make (Ok ()) in
  Thread.join
    (Thread.create
       (fun () -> try each_refused () with e -> Atomic.set outcome (Error e))
       ());
  Result.iter_error raise (Atomic.get outcome);
  let* () = Lwt_preemptive.detach each_refused () in
  let* text =
    Lwt_preemptive.detach
      (fun () ->
        Lwt_preemptive.run_in_main (fun () -> Rust.yield_n 2 "by way of the loop"))
      ()
  in
  Expect.string "run_in_main" "by way of the loop" text;
  let* text = Rust.yield_n 2 "still here" in
  Expect.string "the domain" "still here" text;
  Lwt.return_unit

(* The lane's threads are Domain 0's, but none of them runs its loop. *)
let lane () =
  let* told =
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
      Expect.contains "names the domain" ~part:"domain 0" text;
      Expect.contains "says what to do" ~part:"in the loop" text)
    told;
  Lwt.return_unit

(* Of a call that is pending. *)
let promise_elsewhere () =
  let tag = tag () in
  let p = Rust.never tag and me = self () in
  let* () =
    with_other (fun { handle; id; _ } ->
        Lwt_interop.Handle.spawn handle (fun () ->
            let refused what f =
              match Expect.raised what f with
              | Invalid_argument text ->
                  let names id =
                    Expect.contains what ~part:(Printf.sprintf "domain %d" id) text
                  in
                  names me;
                  names id
              | e -> raise e
            in
            refused "cancel" (fun () -> Lwt.cancel p);
            refused "bind" (fun () -> Lwt.bind p Lwt.return);
            refused "pick" (fun () -> Lwt.pick [ p; Lwt.pause () ]);
            refused "on_any" (fun () -> Lwt.on_any p ignore ignore);
            Lwt.return_unit))
  in
  Expect.that "still pending" (Lwt.is_sleeping p);
  Expect.int "its future lives" 1 (Rust.futures_alive tag);
  Lwt.cancel p;
  Expect.cancelled "by its own domain" p

(* Finalisers run wherever OCaml allocates, so also within Rust's conversions, on any domain, and on
   threads that run no loop. Each call of theirs is answered, and harms nobody. *)
let finalisers () =
  let made = Atomic.make 0 and answered = Atomic.make 0 and refused = Atomic.make 0 in
  let finalise _ =
    match (Rust.ready_add 1 2, Rust.yield_n 2 "", Rust.length "four") with
    | ready, pending, 4 ->
        Lwt.on_any (Lwt.both ready pending)
          (fun _ -> Atomic.incr answered)
          (fun _ -> Atomic.incr answered)
    | _ -> Expect.failf "a wrong answer"
    | exception (Lwt_interop.Wrong_thread _ | Lwt_interop.Domain_terminated _) ->
        Atomic.incr refused
    | exception Failure text ->
        (* It runs while its domain's executor is being made. *)
        Expect.contains "refused" ~part:"it is just being made" text;
        Atomic.incr refused
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
      Atomic.get answered + Atomic.get refused > Atomic.get made / 2)

(* Executors within executors: what would block or nest is refused, and the domain goes on. *)
let nested_executors () =
  let* call_blocking, local = Rust.nested_executors () in
  Expect.contains "call_blocking" ~part:"would block the Lwt loop" call_blocking;
  Expect.contains "it names the domain"
    ~part:(Printf.sprintf "domain %d" (self ()))
    call_blocking;
  Expect.string "an executor of the task's own" "ran" local;
  let* text = Rust.yield_n 2 "still here" in
  Expect.string "the domain" "still here" text;
  Lwt.return_unit

let nested_loop () =
  let nested _ = Lwt.return (Lwt_main.run (Rust.ready_add 1 2)) in
  let* e = Expect.rejected "in a callback" (Rust.call_async nested 1) in
  (match e with
  | Failure text -> Expect.contains "Lwt's own" ~part:"Nested" text
  | e -> raise e);
  let* text = Rust.yield_n 2 "still here" in
  Expect.string "the domain" "still here" text;
  Lwt.return_unit

(* Registered first, so it is called last. *)
let after_the_end () =
  let told = Atomic.make [] in
  let attempt f =
    match f () with _ -> () | exception e -> Atomic.set told (e :: Atomic.get told)
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
  Expect.int "each was refused" 6 (List.length (Atomic.get told));
  List.iter
    (fun e ->
      Expect.that "and told why" (e = Lwt_interop.Domain_terminated (Atomic.get id)))
    (Atomic.get told)

(* Registered last, so it is called first: everything still works. *)
let before_the_end () =
  let told = Atomic.make "" in
  Domain.join
    (Domain.spawn (fun () ->
         Lwt_main.run (Lwt.map ignore (Rust.yield_n 2 ""));
         Domain.at_exit (fun () ->
             Atomic.set told (Lwt_main.run (Rust.yield_n 3 "at exit")))));
  Expect.string "at exit" "at exit" (Atomic.get told)

(* Messages, wake-ups and completions that come while no loop runs. *)
let between_loops () =
  let home = Handle.current () in
  let answers = Atomic.make 0 in
  let kept = tag () in
  let pending = Rust.promise_kept kept in
  let in_flight = List.init 100 (fun i -> Rust.on_tokio (string_of_int i)) in
  Lwt_main.run (Lwt.map ignore (Rust.yield_n 2 ""));
  Domain.join
    (Domain.spawn (fun () ->
         for _ = 1 to 100 do
           ignore (Handle.post home (fun () -> Atomic.incr answers) : bool)
         done;
         (* Its answer needs this domain's loop. *)
         Lwt_main.run (Lwt.map ignore (Rust.resolve_kept kept "between" true))));
  Expect.int "nothing runs" 0 (Atomic.get answers);
  Expect.that "nothing is settled" (Lwt.is_sleeping pending);
  let text = Lwt_main.run pending in
  Expect.string "resolved between" "between" text;
  List.iteri
    (fun i p -> Expect.string "from tokio" (string_of_int i) (fst (Lwt_main.run p)))
    in_flight;
  Expect.int "all were run" 100 (Atomic.get answers);
  (* A loop that only waits for a message: nothing else wakes it. *)
  let p, u = Lwt.wait () in
  let other =
    Domain.spawn (fun () -> Handle.post home (fun () -> Lwt.wakeup_later u ()))
  in
  Lwt_main.run p;
  Expect.that "posted" (Domain.join other)

let many_loops () =
  for i = 1 to 2000 do
    Expect.int "one loop for each call" i
      (Lwt_main.run (Lwt.map (fun _ -> i) (Rust.yield_n 1 "")))
  done;
  for i = 1 to 200 do
    (match
       Lwt_main.run (Lwt.bind (Rust.yield_n 1 "") (fun _ -> failwith "on purpose"))
     with
    | () -> Expect.failf "it did not fail"
    | exception Failure _ -> ());
    ignore (fst (Lwt_main.run (Rust.on_tokio (string_of_int i))) : string)
  done

let twice where =
  ( where,
    [ plain "messages between two loops" between_loops; plain "many loops" many_loops ] )

let on_a_domain (name, tests) =
  ( "a domain: " ^ name,
    List.map
      (fun (name, speed, f) -> (name, speed, fun () -> Domain.join (Domain.spawn f)))
      tests )

let () =
  Alcotest.run "misuse"
    (suites
       [
         case "no token elsewhere" tokens;
         case "systhreads" systhreads;
         case "the blocking lane" lane;
         case "a call's promise on another domain" promise_elsewhere;
         case "finalisers call Rust" finalisers;
         case "executors in an executor" nested_executors;
         case "a loop in a loop" nested_loop;
       ]
    @ [
        twice "loops";
        on_a_domain (twice "loops");
        ( "ends",
          [
            plain "after the domain's end" after_the_end;
            plain "before the domain's end" before_the_end;
          ] );
        ("at the end", [ settled () ]);
      ])
