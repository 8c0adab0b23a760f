open Lwt.Syntax
open Everywhere

exception Own of int ref

let awaited () =
  let* text = Rust.await_promise (Lwt.return "now") in
  Expect.string "a resolved one" "rust got now" text;
  let p, u = Lwt.wait () in
  let answer = Rust.await_promise p in
  let* () = Lwt.pause () in
  Expect.that "it waits" (Lwt.state answer = Lwt.Sleep);
  Lwt.wakeup u "later";
  let* text = answer in
  Expect.string "a pending one" "rust got later" text;
  let* text = Rust.await_promise (Lwt.map (fun () -> "slept") (Lwt_unix.sleep 0.001)) in
  Expect.string "one of Lwt_unix's" "rust got slept" text;
  Lwt.return_unit

let awaited_rejected () =
  let mine = Own (ref 1) in
  let* e = Expect.rejected "a rejected one" (Rust.await_promise (Lwt.fail mine)) in
  Expect.that "the very exception" (e == mine);
  let p, u = Lwt.wait () in
  let answer = Rust.await_promise p in
  Lwt.wakeup_later_exn u mine;
  let* e = Expect.rejected "one that is rejected later" answer in
  Expect.that "the very exception, later" (e == mine);
  let* again = Rust.pass_exception (Lwt.fail mine) in
  let* e = Expect.rejected "one of Rust's" again in
  Expect.that "the very exception, by way of tokio" (e == mine);
  Lwt.return_unit

let many_waiters n () =
  let p, u = Lwt.wait () in
  let answers = List.init n (fun _ -> Rust.await_promise p) in
  Lwt.wakeup_later u "all";
  let* texts = Lwt.all answers in
  Expect.that "all were told" (List.for_all (( = ) "rust got all") texts);
  Lwt.return_unit

let given_up () =
  let p, _ = Lwt.task () in
  let* waited = Rust.await_briefly p 1 in
  Expect.that "it gave up" (not waited);
  let* () = Expect.cancelled "what was given up" p in
  let p, _ = Lwt.task () and q, u = Lwt.wait () in
  let first = Rust.first_of p q false in
  Lwt.wakeup_later u ();
  let* n = first in
  Expect.int "the second was first" 2 n;
  let* () = Lwt.pause () in
  Expect.that "the other goes on" (Lwt.state p = Lwt.Sleep);
  let q, u = Lwt.wait () in
  let first = Rust.first_of p q true in
  Lwt.wakeup_later u ();
  let* (_ : int) = first in
  Expect.cancelled "the other is cancelled" p

(* What Lwt keeps with a promise must not grow with each wait that was given up. *)
let given_up_often n () =
  let p, u = Lwt.wait () in
  let size () = Obj.reachable_words (Obj.repr p) in
  let rec glance n =
    if n = 0 then Lwt.return_unit
    else
      let* ready = Rust.glance p (n mod 3) in
      Expect.that "not yet" (not ready);
      (* The same wait, cancelled by OCaml. *)
      let cancelled = Rust.glance p max_int in
      Lwt.cancel cancelled;
      let* () = Expect.cancelled "it" cancelled in
      glance (n - 1)
  in
  (* Lwt clears up after some tens of them. *)
  let* () = glance 100 in
  let before = size () in
  let* () = glance n in
  let after = size () in
  if after > before + 2_000 then
    Expect.failf "the promise has grown from %d to %d words" before after;
  Lwt.wakeup_later u ();
  let* ready = Rust.glance p 0 in
  Expect.that "it is ready" ready;
  Lwt.return_unit

let cancelled_while_awaited () =
  let p, _ = Lwt.task () in
  let answer = Rust.await_promise p in
  let* () = Lwt.pause () in
  Lwt.cancel p;
  Expect.cancelled "what awaited it" answer

let made () =
  let* text = Rust.promise_from_thread "from a thread" in
  Expect.string "resolved by a thread" "from a thread" text;
  let tag = tag () in
  let p = Rust.promise_kept tag in
  Expect.that "it is pending" (Lwt.state p = Lwt.Sleep);
  let* back = Rust.resolve_kept tag "here" false in
  Expect.that "it was taken" (back = None);
  let* text = p in
  Expect.string "resolved on the domain" "here" text;
  let p = Rust.promise_kept tag in
  let* back = Rust.resolve_kept tag "on tokio" true in
  Expect.that "it was taken" (back = None);
  let* text = p in
  Expect.string "resolved on tokio" "on tokio" text;
  (* Both ways: Rust awaits the promise that Rust made. *)
  let p = Rust.promise_kept tag in
  let answer = Rust.await_promise p in
  let* (_ : string option) = Rust.resolve_kept tag "circle" true in
  let* text = answer in
  Expect.string "made and awaited by Rust" "rust got circle" text;
  Lwt.return_unit

let made_and_rejected () =
  let told what part p =
    let* e = Expect.rejected what p in
    match e with
    | Lwt_interop.Rust_error { message; _ } ->
        Expect.contains what ~part message;
        Lwt.return_unit
    | e -> raise e
  in
  let* () = told "rejected" "because" (Rust.promise_rejected "because") in
  let* () = told "dropped" "dropped without" (Rust.promise_dropped ()) in
  let tag = tag () in
  let p = Rust.promise_kept tag in
  Rust.drop_kept tag;
  let* () = told "dropped on a thread" "dropped without" p in
  let p = Rust.promise_kept tag in
  Expect.that "the domain is there" (Rust.reject_kept tag "later");
  told "rejected later" "later" p

let cancelled_meanwhile () =
  let tag = tag () in
  let p = Rust.promise_kept tag in
  Lwt.cancel p;
  (* The next promise takes the place of the cancelled one: it must not get its value. *)
  let next = tag + 0 in
  let other = Rust.yield_n 1000 "other" in
  let* back = Rust.resolve_kept next "too late" true in
  Expect.that "nothing comes back" (back = None);
  let* () = Expect.cancelled "the promise" p in
  let* text = other in
  Expect.string "the other's value" "other" text;
  let p = Rust.promise_kept tag in
  Lwt.cancel p;
  Rust.drop_kept tag;
  Expect.cancelled "a dropped one" p

(* Many cancelled, their keys taken again at once, their outcomes on the way. *)
let reused_keys n () =
  let one i =
    let text = string_of_int i in
    let p = Rust.on_tokio text in
    if i mod 3 = 0 then (
      Lwt.cancel p;
      Expect.cancelled "a cancelled call" p)
    else
      let* got, _ = p in
      Expect.string "its own value" text got;
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
    case "Rust awaits" awaited;
    case "Rust awaits what is rejected" awaited_rejected;
    case "1,000 await one promise" (many_waiters (scaled ~scale 1_000));
    case "Rust gives up waiting" given_up;
    case "a promise does not keep who gave up waiting"
      (given_up_often (scaled ~scale 1_000));
    case "cancelled while Rust awaits it" cancelled_while_awaited;
    case "Rust's promises" made;
    case "Rust's promises, rejected" made_and_rejected;
    case "resolved after it was cancelled" cancelled_meanwhile;
    case "keys that are taken again" (reused_keys (scaled ~scale 100));
  ]
