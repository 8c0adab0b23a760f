open Lwt.Syntax
open Everywhere

exception Own of int ref

let awaited () =
  let* text = Rust.await_promise (Lwt.return "now") in
  Expect.string "a resolved promise" "rust got now" text;
  let p, u = Lwt.wait () in
  let answer = Rust.await_promise p in
  let* () = Lwt.pause () in
  Expect.that "the call is pending" (Lwt.state answer = Lwt.Sleep);
  Lwt.wakeup u "later";
  let* text = answer in
  Expect.string "a pending promise" "rust got later" text;
  let* text = Rust.await_promise (Lwt.map (fun () -> "slept") (Lwt_unix.sleep 0.001)) in
  Expect.string "a promise of Lwt_unix" "rust got slept" text;
  Lwt.return_unit

let awaited_rejected () =
  let mine = Own (ref 1) in
  let* e = Expect.rejected "a rejected promise" (Rust.await_promise (Lwt.fail mine)) in
  Expect.that "the same exception" (e == mine);
  let p, u = Lwt.wait () in
  let answer = Rust.await_promise p in
  Lwt.wakeup_later_exn u mine;
  let* e = Expect.rejected "a promise that is rejected later" answer in
  Expect.that "the same exception, later" (e == mine);
  let again = Rust.pass_exception (Lwt.fail mine) in
  let* e = Expect.rejected "a promise that Rust rejects" again in
  Expect.that "the same exception, through tokio" (e == mine);
  Lwt.return_unit

let many_waiters n () =
  let p, u = Lwt.wait () in
  let answers = List.init n (fun _ -> Rust.await_promise p) in
  Lwt.wakeup_later u "all";
  let* texts = Lwt.all answers in
  Expect.that "all calls get the value" (List.for_all (( = ) "rust got all") texts);
  Lwt.return_unit

let dropped_wait () =
  let p, _ = Lwt.task () in
  let* waited = Rust.await_briefly p 1 in
  Expect.that "the wait is over" (not waited);
  let* () = Expect.cancelled "the promise of the wait" p in
  let p, _ = Lwt.task () and q, u = Lwt.wait () in
  let first = Rust.first_of p q false in
  Lwt.wakeup_later u ();
  let* n = first in
  Expect.int "the promise that was first" 2 n;
  let* () = Lwt.pause () in
  Expect.that "the other promise is pending" (Lwt.state p = Lwt.Sleep);
  let q, u = Lwt.wait () in
  let first = Rust.first_of p q true in
  Lwt.wakeup_later u ();
  let* (_ : int) = first in
  Expect.cancelled "the other promise" p

(* Lwt keeps a promise's callbacks with it: their size must not grow with each dropped wait. *)
let dropped_waits n () =
  let p, u = Lwt.wait () in
  let size () = Obj.reachable_words (Obj.repr p) in
  let rec wait_and_drop n =
    if n = 0 then Lwt.return_unit
    else
      let* ready = Rust.await_for_polls p (n mod 3) in
      Expect.that "the promise is pending" (not ready);
      (* A wait that OCaml cancels. *)
      let cancelled = Rust.await_for_polls p max_int in
      Lwt.cancel cancelled;
      let* () = Expect.cancelled "the wait" cancelled in
      wait_and_drop (n - 1)
  in
  (* Lwt removes dropped callbacks after some tens of them. *)
  let* () = wait_and_drop 100 in
  let before = size () in
  let* () = wait_and_drop n in
  let after = size () in
  if after > before + 2_000 then
    Expect.failf "the promise has grown from %d to %d words" before after;
  Lwt.wakeup_later u ();
  let* ready = Rust.await_for_polls p 0 in
  Expect.that "the promise is resolved" ready;
  Lwt.return_unit

let cancelled_while_awaited () =
  let p, _ = Lwt.task () in
  let answer = Rust.await_promise p in
  let* () = Lwt.pause () in
  Lwt.cancel p;
  Expect.cancelled "the call that awaits it" answer

let made () =
  let* text = Rust.promise_from_thread "from a thread" in
  Expect.string "resolved by a thread" "from a thread" text;
  let tag = tag () in
  let p = Rust.promise_kept tag in
  Expect.that "Rust's promise is pending" (Lwt.state p = Lwt.Sleep);
  let* back = Rust.resolve_kept tag "here" false in
  Expect.that "the value is accepted" (back = None);
  let* text = p in
  Expect.string "resolved on the domain" "here" text;
  let p = Rust.promise_kept tag in
  let* back = Rust.resolve_kept tag "on tokio" true in
  Expect.that "the value is accepted" (back = None);
  let* text = p in
  Expect.string "resolved on tokio" "on tokio" text;
  (* Rust awaits a promise that Rust made. *)
  let p = Rust.promise_kept tag in
  let answer = Rust.await_promise p in
  let* (_ : string option) = Rust.resolve_kept tag "circle" true in
  let* text = answer in
  Expect.string "made and awaited by Rust" "rust got circle" text;
  Lwt.return_unit

let made_and_rejected () =
  let rust_error what part p =
    let* e = Expect.rejected what p in
    match e with
    | Lwt_interop.Rust_error { message; _ } ->
        Expect.contains what ~part message;
        Lwt.return_unit
    | e -> raise e
  in
  let* () = rust_error "rejected" "because" (Rust.promise_rejected "because") in
  let* () = rust_error "dropped" "dropped without" (Rust.promise_dropped ()) in
  let tag = tag () in
  let p = Rust.promise_kept tag in
  Rust.drop_kept tag;
  let* () = rust_error "dropped on a thread" "dropped without" p in
  let p = Rust.promise_kept tag in
  Expect.that "the domain accepts the rejection" (Rust.reject_kept tag "later");
  rust_error "rejected later" "later" p

let cancelled_meanwhile () =
  let tag = tag () in
  let p = Rust.promise_kept tag in
  Lwt.cancel p;
  (* The next call may reuse the key of the cancelled promise: it must not get its value. *)
  let next = tag + 0 in
  let other = Rust.yield_n 1000 "other" in
  let* back = Rust.resolve_kept next "too late" true in
  Expect.that "the value is accepted, without effect" (back = None);
  let* () = Expect.cancelled "the promise" p in
  let* text = other in
  Expect.string "the next call's result" "other" text;
  let p = Rust.promise_kept tag in
  Lwt.cancel p;
  Rust.drop_kept tag;
  Expect.cancelled "a promise with a dropped resolver" p

(* Keys of cancelled calls are reused at once, while the outcomes of these calls are on the way. *)
let reused_keys n () =
  let one i =
    let text = string_of_int i in
    let p = Rust.on_tokio text in
    if i mod 3 = 0 then (
      Lwt.cancel p;
      Expect.cancelled "a cancelled call" p)
    else
      let* got, _ = p in
      Expect.string "each call's own result" text got;
      Lwt.return_unit
  in
  let rec waves k =
    if k = 0 then Lwt.return_unit
    else
      let* () = Lwt_list.iter_p one (List.init 50 Fun.id) in
      waves (k - 1)
  in
  waves n

let cases ~scale =
  [
    case "promises: Rust awaits one" awaited;
    case "promises: Rust awaits one that is rejected" awaited_rejected;
    case "promises: 1,000 calls await the same one" (many_waiters (scaled ~scale 1_000));
    case "promises: a dropped wait cancels only if asked to" dropped_wait;
    case "promises: a dropped wait leaves nothing behind"
      (dropped_waits (scaled ~scale 1_000));
    case "promises: OCaml cancels one that Rust awaits" cancelled_while_awaited;
    case "promises: Rust resolves one from any thread" made;
    case "promises: Rust rejects one, or drops its resolver" made_and_rejected;
    case "promises: Rust resolves one after it was cancelled" cancelled_meanwhile;
    case "promises: reused keys get their own outcomes" (reused_keys (scaled ~scale 100));
  ]
