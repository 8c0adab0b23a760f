open Lwt.Syntax
open Operation
open Outcome

(* ---- promises *)

let awaited =
  make "promise that Rust awaits" (fun _ choice ->
      let text = Choice.text choice in
      let p = Lwt.map (fun () -> text) (a_while choice) in
      gives "the text" ("rust got " ^ text) (Rust.await_promise p))

let wait_dropped =
  make "promise that Rust cancels" (fun _ choice ->
      let p, _ = Lwt.task () in
      let* waited = Rust.await_briefly p (Choice.int choice 2) in
      let* () = Expect.eventually (fun () -> Lwt.state p = Lwt.Fail Lwt.Canceled) in
      check "the wait is over" (not waited) cancelled)

let made =
  make "promise of a thread" (fun _ choice ->
      let text = Choice.text choice in
      match Choice.int choice 4 with
      | 0 -> fails "dropped" (Rust.promise_dropped ()) is_error
      | 1 -> fails "rejected" (Rust.promise_rejected text) is_error
      | _ -> gives "the text" text (Rust.promise_from_thread text))

(* The promise is resolved by another domain than its own, which may terminate first. *)
let resolved_elsewhere =
  make "promise that a domain resolves" (fun self choice ->
      let tag = Everywhere.tag () and text = Choice.text choice in
      let p = Rust.promise_kept tag in
      let drop () = try Rust.drop_kept tag with Lwt_interop.Rust_error _ -> () in
      let drop = cleaning_up self drop in
      let peer = Peers.any choice in
      let* sent =
        unless_terminated peer
          (Handle.spawn peer (fun () ->
               let* _ = Rust.resolve_kept tag text (Choice.chance choice 2) in
               Lwt.return value))
      in
      if sent = value then (
        let* outcome = gives "the text" text p in
        drop ();
        Lwt.return outcome)
      else (
        drop ();
        (* The domain may have terminated after it had resolved the promise. *)
        Lwt.catch
          (fun () -> gives "the text" text p)
          (function
            | Lwt_interop.Rust_error _ -> Lwt.return domain_terminated | e -> Lwt.fail e)))

(* ---- callbacks *)

let callback =
  make "asynchronous callback" (fun _ choice ->
      let n = Choice.int choice 8 in
      let twice i =
        let* () = a_while choice in
        Rust.ready_add i i
      in
      gives "the sum" (n * (n - 1)) (Rust.call_async twice n))

let synchronous_callback =
  make "synchronous callback" (fun _ choice ->
      let f n s = Printf.sprintf "%d%s" n s in
      if Choice.chance choice 2 then check "the text" (Rust.call_sync f 3 = "3x") value
      else gives "the text" "4y" (Rust.call_from_task f 4))

let all =
  [
    (awaited, 4);
    (wait_dropped, 4);
    (made, 4);
    (resolved_elsewhere, 6);
    (callback, 4);
    (synchronous_callback, 3);
  ]
