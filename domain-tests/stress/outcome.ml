open Lwt.Syntax
module Handle = Lwt_interop.Handle

exception Own of int ref

let value = "value"
let cancelled = "cancelled"
let domain_terminated = "domain terminated"
let expected_error = "expected error"
let is_part = Expect.is_part

let check what ok outcome =
  Expect.that what ok;
  Lwt.return outcome

let gives what expected p =
  let* found = p in
  check what (found = expected) value

let fails what p is_expected =
  Lwt.try_bind
    (fun () -> p)
    (fun _ -> Expect.failf "%s: expected a rejected promise, but it is fulfilled" what)
    (fun e -> if is_expected e then Lwt.return expected_error else Lwt.fail e)

let may_terminate peer = Handle.id peer <> 0

let unless_terminated peer p =
  Lwt.catch
    (fun () -> p)
    (function
      | Lwt_interop.Domain_terminated id when may_terminate peer && id = Handle.id peer ->
          Lwt.return domain_terminated
      | Lwt_interop.Rust_error { message; _ }
        when may_terminate peer
             && (is_part message ~part:"terminated"
                || is_part message ~part:"no domain"
                || is_part message ~part:"no such domain") ->
          Lwt.return domain_terminated
      | e -> Lwt.fail e)

let text_unless_terminated peer expected text =
  if text = expected then Lwt.return value
  else if
    may_terminate peer
    && (is_part text ~part:"terminated" || is_part text ~part:"no domain")
  then Lwt.return domain_terminated
  else Expect.failf "expected %S, found %S" expected text

let with_terminating choice f =
  match Peers.terminating choice with
  | Some peer -> f peer
  | None -> Lwt.return "no other domain"

let rec pauses n =
  if n = 0 then Lwt.return_unit else Lwt.bind (Lwt.pause ()) (fun () -> pauses (n - 1))

let a_while choice =
  if Choice.chance choice 2 then pauses (Choice.int choice 6)
  else Lwt_unix.sleep (float_of_int (Choice.int choice 2000) *. 1e-6)

let dropped tag = Expect.eventually (fun () -> Rust.futures_alive tag = 0)
let is_panic = function Lwt_interop.Rust_panic _ -> true | _ -> false
let is_error = function Lwt_interop.Rust_error _ -> true | _ -> false

let value_or_cancelled p =
  Lwt.catch
    (fun () -> p)
    (function Lwt.Canceled -> Lwt.return cancelled | e -> Lwt.fail e)
