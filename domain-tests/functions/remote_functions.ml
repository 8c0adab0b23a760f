open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

exception Own of int ref

(* Returns when the function and its arguments have been dropped, on whatever thread. *)
let with_remote f body =
  let tag = tag () in
  Rust.remote_keep tag f;
  let* () = body tag in
  let* () = Rust.remote_drop tag 0 in
  Expect.eventually (fun () -> Rust.futures_alive tag = 0)

let values n () =
  let this = (Domain.self () :> int) in
  let f i =
    Expect.int "where the function runs" this (Domain.self () :> int);
    let* () = if i mod 2 = 0 then Lwt.return_unit else Lwt.pause () in
    Lwt.return (i + 1)
  in
  with_remote f @@ fun tag ->
  let call i = Expect.answer "a call on tokio" (i + 1) (Rust.remote_call tag i 0) in
  let* () = Lwt_list.iter_p call (List.init n Fun.id) in
  let* here = Rust.remote_call_here tag 7 in
  Expect.int "a call on the function's domain" 8 here;
  with_other (fun { handle; _ } ->
      let* there = Handle.spawn handle (fun () -> Rust.remote_call_here tag 8) in
      Expect.int "a call on another domain" 9 there;
      Lwt.return_unit)

(* The loop calls the function without a Rust frame below, so that an effect finds its handler. *)
let effects () =
  let f i = Style.answering 10 (fun () -> Lwt.return (i + Effect.perform Style.Ask)) in
  with_remote f @@ fun tag ->
  Expect.answer "an answered effect" 11 (Rust.remote_call tag 1 0)

let exceptions () =
  let mine = Own (ref 1) in
  let f = function
    | 0 -> raise mine
    | 1 -> Lwt.fail mine
    | _ ->
        let* () = Lwt.pause () in
        raise mine
  in
  with_remote f @@ fun tag ->
  let each i =
    let* () =
      Expect.error "a call on tokio" ~part:"exception " (Rust.remote_call tag i 0)
    in
    let* e = Expect.rejected "on the function's domain" (Rust.remote_call_here tag i) in
    Expect.that "the same exception" (e == mine);
    with_other (fun { handle; _ } ->
        let there = Handle.spawn handle (fun () -> Rust.remote_call_here tag i) in
        let* e = Expect.rejected "on another domain" there in
        Expect.that "the same exception, on another domain" (e == mine);
        Lwt.return_unit)
  in
  Lwt_list.iter_s each [ 0; 1; 2 ]

let panics () =
  let called = ref 0 in
  let f i =
    incr called;
    Lwt.return (i - 5)
  in
  with_remote f @@ fun tag ->
  let* () =
    Expect.error "a panic in the argument's conversion"
      ~part:"in an argument's conversion" (Rust.remote_call tag 7 1)
  in
  let* () =
    Expect.error "a panic in the argument's destructor"
      ~part:"in an argument's destructor" (Rust.remote_call tag 7 2)
  in
  Expect.int "calls of the function" 0 !called;
  let* () =
    Expect.error "a panic in the result's conversion" ~part:"in a result's conversion"
      (Rust.remote_call tag 1 0)
  in
  Expect.answer "a call without a panic" 2 (Rust.remote_call tag 7 0)

(* A function whose call stays pending, and a promise for the beginning of that call. *)
let pending () =
  let begun, begin_ = Lwt.wait () and p, u = Lwt.task () in
  let f _ =
    Lwt.wakeup_later begin_ ();
    p
  in
  (f, begun, p, u)

let cancelled () =
  let f, begun, p, _ = pending () in
  let* () =
    with_remote f @@ fun tag ->
    let* () = Rust.remote_call_until tag 1 begun true in
    Expect.eventually (fun () -> Lwt.state p = Lwt.Fail Lwt.Canceled)
  in
  (* Without [cancel_on_drop], dropping the handle does not cancel. *)
  let f, begun, p, u = pending () in
  with_remote f @@ fun tag ->
  let* () = Rust.remote_call_until tag 1 begun false in
  let* (_ : string) = Rust.yield_n 5 "" in
  Expect.that "the function's promise is pending" (Lwt.is_sleeping p);
  Lwt.wakeup u 1;
  Lwt.return_unit

(* Messages keep their order, so that the last call's result comes after all others. *)
let cancelled_early () =
  let called = ref [] in
  let f i =
    called := i :: !called;
    Lwt.return i
  in
  with_remote f @@ fun tag ->
  Rust.remote_call_dropped tag 1 false;
  Rust.remote_call_dropped tag 2 true;
  Rust.remote_call_dropped tag 3 false;
  let* n = Rust.remote_call_here tag 4 in
  Expect.int "the last call" 4 n;
  Expect.that "the calls that were not cancelled" (!called = [ 4; 2 ]);
  Lwt.return_unit

let dropped_anywhere () =
  let dropped where =
    let tag = tag () and collected = ref false in
    let keep () =
      let value = Bytes.make 100 'x' in
      Gc.finalise (fun _ -> collected := true) value;
      Rust.remote_keep tag (fun i -> Lwt.return (i + Bytes.length value))
    in
    keep ();
    let* () = Expect.answer "a call before the drop" 101 (Rust.remote_call tag 1 0) in
    let* () = Rust.remote_drop tag where in
    Expect.eventually (fun () ->
        Gc.full_major ();
        !collected)
  in
  Lwt_list.iter_s dropped [ 0; 1; 2 ]

let terminated () =
  let drop_after_the_end where =
    let tag = tag () and other = other () in
    let begun = Atomic.make false in
    let f _ =
      Atomic.set begun true;
      fst (Lwt.task ())
    in
    let* () =
      Handle.spawn other.handle (fun () ->
          Rust.remote_keep tag f;
          Lwt.return_unit)
    in
    let call = Rust.remote_call tag 7 0 in
    let* () = Expect.eventually (fun () -> Atomic.get begun) in
    (* These stay in the queue of a domain that has left its loop. *)
    other.leave ();
    let queued = Rust.remote_call_here tag 8 in
    Rust.remote_call_dropped tag 9 false;
    other.end_ ();
    other.join ();
    let part = Printf.sprintf "domain %d terminated" other.id in
    let* () = Expect.error "the call in progress" ~part call in
    let* e = Expect.rejected "the queued call" queued in
    Expect.that "Domain_terminated" (e = Lwt_interop.Domain_terminated other.id);
    let part = Printf.sprintf "domain %d has terminated, 7 came back" other.id in
    let* () = Expect.error "a call after the end" ~part (Rust.remote_call tag 7 0) in
    let* () = Rust.remote_drop tag where in
    Expect.eventually (fun () -> Rust.futures_alive tag = 0)
  in
  Lwt_list.iter_s drop_after_the_end [ 0; 1; 2 ]

let at_once () =
  let mine = Own (ref 1) in
  let f i = if i = 1 then 10 + (Domain.self () :> int) else raise mine in
  let this = Handle.current () in
  let* n = Rust.remote_call_now f (Some this) in
  Expect.int "on its own domain" (10 + Handle.id this) n;
  let* n = Rust.remote_call_now f None in
  Expect.int "in Domain 0's blocking pool" 10 n;
  let* e = Expect.rejected "raising" (Rust.remote_call_now (fun _ -> raise mine) None) in
  Expect.that "the same exception" (e == mine);
  let refused what ~part e =
    match e with
    | Invalid_argument text -> Expect.contains what ~part text
    | e -> Expect.failf "%s: %s" what (Printexc.to_string e)
  in
  let called = ref false in
  let* () =
    with_other (fun { handle; id; _ } ->
        let not_here _ =
          called := true;
          0
        in
        let* e =
          Expect.rejected "on another domain"
            (Rust.remote_call_now not_here (Some handle))
        in
        let part =
          Printf.sprintf "a function of domain %d is called on domain %d" (Handle.id this)
            id
        in
        refused "on another domain" ~part e;
        Lwt.return_unit)
  in
  let returns_a_promise _ =
    called := true;
    Lwt.return 0
  in
  Expect.raised "a function that returns a promise" (fun () ->
      Rust.remote_call_async_now returns_a_promise)
  |> refused "a function that returns a promise" ~part:"use RemoteFunc::call";
  Expect.that "the function is not called" (not !called);
  Lwt.return_unit

let cases ~scale =
  [
    case "remote functions: any thread calls, the function's domain runs it"
      (values (scaled ~scale 1_000));
    case "remote functions: effects find their handler" effects;
    case "remote functions: exceptions come back unchanged" exceptions;
    case "remote functions: a panic is the caller's error" panics;
    case "remote functions: dropping the handle cancels if asked to" cancelled;
    case "remote functions: a call cancelled in the queue does not run" cancelled_early;
    case "remote functions: any thread may drop one" dropped_anywhere;
    case "remote functions: their domain's end fails calls" terminated;
    case "remote functions: one that is called at once runs on its own domain" at_once;
  ]
