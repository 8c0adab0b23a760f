open Lwt.Syntax
open Everywhere

let alive tag what n = Expect.int what n (Rust.futures_alive tag)

let cancel () =
  let tag = tag () in
  let p = Rust.never tag in
  alive tag "a future" 1;
  (* Before it has been polled as a task. *)
  Lwt.cancel p;
  alive tag "no future" 0;
  let* () = Expect.cancelled "the promise" p in
  (* And after. *)
  let p = Rust.never tag in
  let* (_ : string) = Rust.yield_n 3 "" in
  Lwt.cancel p;
  alive tag "no future, again" 0;
  Expect.cancelled "the promise, again" p

let locks () =
  let p = Rust.never_locked () in
  Expect.that "held" (not (Rust.lock_is_free ()));
  Lwt.cancel p;
  Expect.that "free" (Rust.lock_is_free ());
  (* Also where somebody queues for it. *)
  let first = Rust.never_locked () and second = Rust.never_locked () in
  let* (_ : string) = Rust.yield_n 3 "" in
  Lwt.cancel first;
  let* (_ : string) = Rust.yield_n 3 "" in
  Expect.that "the next one has it" (not (Rust.lock_is_free ()));
  Lwt.cancel second;
  Expect.that "free again" (Rust.lock_is_free ());
  Lwt_list.iter_p (Expect.cancelled "each") [ p; first; second ]

let many n () =
  let tag = tag () in
  let promises = List.init n (fun _ -> Rust.never tag) in
  alive tag "futures" n;
  let* (_ : string) = Rust.yield_n 3 "" in
  List.iter Lwt.cancel promises;
  alive tag "none" 0;
  Lwt_list.iter_p (Expect.cancelled "each") promises

let pick () =
  let tag = tag () in
  let winner = Rust.yield_n 5 "winner" in
  let* text = Lwt.pick [ winner; Lwt.map (fun () -> "never") (Rust.never tag) ] in
  Expect.string "the one that is ready" "winner" text;
  alive tag "the loser" 0;
  Lwt.return_unit

let timeout () =
  let tag = tag () in
  let* e =
    Expect.rejected "too long" (Lwt_unix.with_timeout 0.005 (fun () -> Rust.never tag))
  in
  Expect.that "Timeout" (e = Lwt_unix.Timeout);
  alive tag "the future" 0;
  Lwt.return_unit

let on_tokio () =
  let tag = tag () in
  let p = Rust.never_tokio tag in
  let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 1) in
  Lwt.cancel p;
  let* () = Expect.cancelled "the promise" p in
  let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 0) in
  (* At once, so most are not polled yet. *)
  let promises = List.init 100 (fun _ -> Rust.never_tokio tag) in
  List.iter Lwt.cancel promises;
  let* () = Lwt_list.iter_p (Expect.cancelled "each") promises in
  Expect.eventually (fun () -> Rust.futures_alive tag = 0)

let after_the_end () =
  let p = Rust.yield_n 1 "done" in
  let* (_ : string) = p in
  Lwt.cancel p;
  Expect.that "it stays" (Lwt.state p = Lwt.Return "done");
  let ready = Rust.ready_add 1 1 in
  Lwt.cancel ready;
  Expect.that "so does one that was ready" (Lwt.state ready = Lwt.Return 2);
  let p = Rust.never (tag ()) in
  Lwt.cancel p;
  Lwt.cancel p;
  Expect.cancelled "twice" p

(* Its outcome waits in a batch when it is cancelled. *)
let too_late n () =
  let rec go i =
    if i = 0 then Lwt.return_unit
    else
      let p = Rust.yield_n 1 "p" and q = Rust.yield_n 1 "q" in
      (* Whichever is first cancels the other, whose outcome is in the same batch. *)
      let* first = Lwt.pick [ p; q ] in
      let* r = Rust.yield_n 1 "r" in
      Expect.that "one of both" (first = "p" || first = "q");
      Expect.string "the next call under the same key" "r" r;
      go (i - 1)
  in
  go n

let within_its_own_poll () =
  let p = ref Lwt.return_unit in
  let call = Rust.cancelled_within (fun () -> Lwt.cancel !p) in
  p := Lwt.map ignore call;
  let* () = Expect.cancelled "the call" !p in
  let* sum = Rust.ready_add 1 2 in
  Expect.int "the domain goes on" 3 sum;
  let* (_ : string) = Rust.yield_n 3 "" in
  Lwt.return_unit

let counted () =
  let before = Lwt_interop.totals () in
  let promises = List.init 10 (fun _ -> Rust.never 0) in
  let during = Lwt_interop.totals () in
  Expect.int "started" 10 (during.calls_started - before.calls_started);
  Expect.int "not settled" 0 (during.calls_resolved - before.calls_resolved);
  List.iter Lwt.cancel promises;
  let after = Lwt_interop.totals () in
  Expect.int "settled" 10 (after.calls_resolved - before.calls_resolved);
  Lwt.return_unit

let cases ~scale =
  [
    case "Lwt.cancel drops the future" cancel;
    case "1,000 cancelled at once" (many (scaled ~scale 1_000));
    case "locks that a cancelled future holds are free" locks;
    case "Lwt.pick drops the loser" pick;
    case "with_timeout drops the future" timeout;
    case "cancelling on tokio" on_tokio;
    case "cancelling what has ended" after_the_end;
    case "cancelled while its outcome is on the way" (too_late (scaled ~scale 1_000));
    case "cancelled within its own poll" within_its_own_poll;
    alone "cancelled calls are settled" counted;
  ]
