open Lwt.Syntax
open Everywhere

let alive tag what n = Expect.int what n (Rust.futures_alive tag)

let cancel () =
  let tag = tag () in
  let p = Rust.never tag in
  alive tag "a future" 1;
  (* The task has not been polled yet. *)
  Lwt.cancel p;
  alive tag "futures of the cancelled call" 0;
  let* () = Expect.cancelled "the promise" p in
  (* The task has been polled. *)
  let p = Rust.never tag in
  let* (_ : string) = Rust.yield_n 3 "" in
  Lwt.cancel p;
  alive tag "futures of the second cancelled call" 0;
  Expect.cancelled "the second promise" p

let locks () =
  let p = Rust.never_locked () in
  Expect.that "the lock is held" (not (Rust.lock_is_free ()));
  Lwt.cancel p;
  Expect.that "the lock is free" (Rust.lock_is_free ());
  (* Another future waits for the lock. *)
  let first = Rust.never_locked () and second = Rust.never_locked () in
  let* (_ : string) = Rust.yield_n 3 "" in
  Lwt.cancel first;
  let* (_ : string) = Rust.yield_n 3 "" in
  Expect.that "the second future holds the lock" (not (Rust.lock_is_free ()));
  Lwt.cancel second;
  Expect.that "the lock is free again" (Rust.lock_is_free ());
  Lwt_list.iter_p (Expect.cancelled "each") [ p; first; second ]

let many n () =
  let tag = tag () in
  let promises = List.init n (fun _ -> Rust.never tag) in
  alive tag "futures before" n;
  let* (_ : string) = Rust.yield_n 3 "" in
  List.iter Lwt.cancel promises;
  alive tag "futures after" 0;
  Lwt_list.iter_p (Expect.cancelled "each") promises

let pick () =
  let tag = tag () in
  let winner = Rust.yield_n 5 "winner" in
  let* text = Lwt.pick [ winner; Lwt.map (fun () -> "never") (Rust.never tag) ] in
  Expect.string "the winner" "winner" text;
  alive tag "futures of the loser" 0;
  Lwt.return_unit

let timeout () =
  let tag = tag () in
  let* e =
    Expect.rejected "with_timeout"
      (Lwt_unix.with_timeout 0.005 (fun () -> Rust.never tag))
  in
  Expect.that "Timeout" (e = Lwt_unix.Timeout);
  alive tag "futures" 0;
  Lwt.return_unit

let on_tokio () =
  let tag = tag () in
  let p = Rust.never_tokio tag in
  let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 1) in
  Lwt.cancel p;
  let* () = Expect.cancelled "the promise" p in
  let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 0) in
  (* Most of these have not been polled when they are cancelled. *)
  let promises = List.init 100 (fun _ -> Rust.never_tokio tag) in
  List.iter Lwt.cancel promises;
  let* () = Lwt_list.iter_p (Expect.cancelled "each") promises in
  Expect.eventually (fun () -> Rust.futures_alive tag = 0)

let after_the_end () =
  let p = Rust.yield_n 1 "done" in
  let* (_ : string) = p in
  Lwt.cancel p;
  Expect.that "a resolved promise keeps its value" (Lwt.state p = Lwt.Return "done");
  let ready = Rust.ready_add 1 1 in
  Lwt.cancel ready;
  Expect.that "so does the promise of a ready call" (Lwt.state ready = Lwt.Return 2);
  let p = Rust.never (tag ()) in
  Lwt.cancel p;
  Lwt.cancel p;
  Expect.cancelled "a promise that is cancelled twice" p

(* The call's outcome is already in a batch when the call is cancelled. *)
let outcome_in_batch n () =
  let rec go i =
    if i = 0 then Lwt.return_unit
    else
      let p = Rust.yield_n 1 "p" and q = Rust.yield_n 1 "q" in
      (* The first to resolve cancels the other, whose outcome is in the same batch. *)
      let* first = Lwt.pick [ p; q ] in
      let* r = Rust.yield_n 1 "r" in
      Expect.that "the winner" (first = "p" || first = "q");
      Expect.string "the next call, which reuses the key" "r" r;
      go (i - 1)
  in
  go n

(* Lwt calls what cancels a call after the call's outcome, when the next call has its key. *)
let cancelled_late () =
  let next = ref [] in
  let start () =
    let p = Rust.yield_n 1 "" in
    let called =
      Rust.call_later (fun () ->
          next := List.init 3 (fun _ -> Rust.yield_n 5 "next");
          Lwt.return_unit)
    in
    Interrupted.cancel (Lwt.map ignore p);
    called
  in
  let* () = Lwt_interop.Handle.(spawn (current ()) start) in
  let* found = Lwt.all !next in
  Expect.that "the next calls return" (found = [ "next"; "next"; "next" ]);
  Lwt.return_unit

let within_its_own_poll () =
  let p = ref Lwt.return_unit in
  let call = Rust.cancelled_within (fun () -> Lwt.cancel !p) in
  p := Lwt.map ignore call;
  let* () = Expect.cancelled "the call" !p in
  let* sum = Rust.ready_add 1 2 in
  Expect.int "the domain still works" 3 sum;
  let* (_ : string) = Rust.yield_n 3 "" in
  Lwt.return_unit

let counted () =
  let before = Lwt_interop.totals () in
  let promises = List.init 10 (fun _ -> Rust.never 0) in
  let during = Lwt_interop.totals () in
  Expect.int "calls_started" 10 (during.calls_started - before.calls_started);
  Expect.int "calls_resolved, before" 0 (during.calls_resolved - before.calls_resolved);
  List.iter Lwt.cancel promises;
  let after = Lwt_interop.totals () in
  Expect.int "calls_resolved, after" 10 (after.calls_resolved - before.calls_resolved);
  Lwt.return_unit

let cases ~scale =
  [
    case "Lwt.cancel drops the future" cancel;
    case "1,000 calls cancelled at once" (many (scaled ~scale 1_000));
    case "Lwt.cancel frees the locks that the future holds" locks;
    case "Lwt.pick drops the loser" pick;
    case "with_timeout drops the future" timeout;
    case "Lwt.cancel aborts a future on tokio" on_tokio;
    case "cancelling a resolved call has no effect" after_the_end;
    case "a call is cancelled while its outcome is in the batch"
      (outcome_in_batch (scaled ~scale 1_000));
    case "a call is cancelled within its own poll" within_its_own_poll;
    case "an interrupted cancellation cancels no other call" cancelled_late;
    alone "a cancelled call counts as resolved" counted;
  ]
