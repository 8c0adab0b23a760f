open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

let me = Handle.current

(* Long enough for a notification that is already sent to arrive, here and on tokio. *)
let a_while () =
  let* (_ : string * string) = Rust.on_tokio "" in
  let* (_ : string) = Rust.yield_n 10 "" in
  Lwt.return_unit

let still_pending what p =
  let* () = a_while () in
  Expect.that (what ^ " is pending") (Lwt.is_sleeping p);
  Lwt.return_unit

(* A function whose calls stay pending until [finish]. *)
type pending = { f : int -> int Lwt.t; calls : (int * int Lwt.u) list ref }

let pending () =
  let calls = ref [] in
  let f i =
    let p, u = Lwt.task () in
    calls := (i, u) :: !calls;
    p
  in
  { f; calls }

let begun w n = Expect.eventually (fun () -> List.length !(w.calls) = n)

let finish w =
  List.iter (fun (i, u) -> Lwt.wakeup_later u (i + 1)) !(w.calls);
  w.calls := []

let at handle f =
  Handle.spawn handle (fun () ->
      f ();
      Lwt.return_unit)

(* Checks that every argument is dropped. *)
let with_workers f =
  let workers = Rust.workers_create () and tag = tag () in
  let* () = f workers tag in
  Expect.eventually (fun () -> Rust.futures_alive tag = 0)

let no_worker what workers tag =
  let part =
    "no domain takes this call: none has joined, or all have left or terminated; call \
     Workers::join on a domain, 7 came back"
  in
  Expect.error what ~part (Rust.workers_call workers tag 7 0)

let empty () =
  with_workers @@ fun workers tag ->
  Expect.int "size" 0 (Rust.workers_len workers);
  let* () = no_worker "an empty set" workers tag in
  (* Leaving does not wait if the domain has not joined. *)
  let* () = Rust.workers_leave workers (me ()) in
  Rust.workers_leave_on_tokio workers (me ())

let least_loaded () =
  with_workers @@ fun workers tag ->
  with_other @@ fun { handle; _ } ->
  let mine = pending () and n = 3 in
  let theirs = Atomic.make 0 and may_end = Atomic.make false in
  let there i =
    Atomic.incr theirs;
    let* () = Expect.eventually (fun () -> Atomic.get may_end) in
    Lwt.return (i + 1)
  in
  Rust.workers_join workers mine.f;
  let* () = at handle (fun () -> Rust.workers_join workers there) in
  Expect.int "size" 2 (Rust.workers_len workers);
  (* Each call begins after the one before has arrived, so that it finds its load. *)
  let call i =
    let p = Rust.workers_call workers tag i 0 in
    let begun () = List.length !(mine.calls) + Atomic.get theirs = i in
    let* () = Expect.eventually begun in
    Lwt.return (Expect.answer "a call" (i + 1) p)
  in
  let* calls = Lwt_list.map_s call (List.init (2 * n) succ) in
  Expect.int "calls on this domain" n (List.length !(mine.calls));
  finish mine;
  let is_resolved p = not (Lwt.is_sleeping p) in
  let* () = Expect.eventually (fun () -> List.exists is_resolved calls) in
  Atomic.set may_end true;
  let* () = Lwt.join calls in
  let* () = Rust.workers_leave workers handle in
  Expect.int "size after one has left" 1 (Rust.workers_len workers);
  Rust.workers_leave workers (me ())

let leaving () =
  with_workers @@ fun workers tag ->
  let w = pending () in
  Rust.workers_join workers w.f;
  let call = Rust.workers_call workers tag 1 0 in
  let* () = begun w 1 in
  let first = Rust.workers_leave workers (me ()) in
  Expect.int "size, at once" 0 (Rust.workers_len workers);
  let* () = no_worker "a domain that leaves takes no more calls" workers tag in

  let again = Rust.workers_leave workers (me ()) in
  let on_tokio = Rust.workers_leave_on_tokio workers (me ()) in
  let* () = still_pending "leaving" first in
  let* () = still_pending "leaving again" again in
  let* () = still_pending "leaving, on tokio" on_tokio in
  finish w;
  let* () = Expect.answer "the call" 2 call in
  let* () = Lwt.join [ first; again; on_tokio ] in
  Rust.workers_leave workers (me ())

let replaced () =
  with_workers @@ fun workers tag ->
  let before = pending () and now = pending () in
  Rust.workers_join workers before.f;
  let first = Rust.workers_call workers tag 1 0 in
  let* () = begun before 1 in
  Rust.workers_join workers now.f;
  Expect.int "size: one function for each domain" 1 (Rust.workers_len workers);
  let second = Rust.workers_call workers tag 2 0 in
  let* () = begun now 1 in
  let left = Rust.workers_leave workers (me ()) in
  finish now;
  let* () = Expect.answer "the new function's" 3 second in
  let* () = still_pending "leaving" left in
  finish before;
  let* () = Expect.answer "the old function's" 2 first in
  left

let joined_again () =
  with_workers @@ fun workers tag ->
  let w = pending () and again = pending () in
  Rust.workers_join workers w.f;
  let first = Rust.workers_call workers tag 1 0 in
  let* () = begun w 1 in

  Lwt.cancel (Rust.workers_leave workers (me ()));
  Rust.workers_join workers again.f;
  let second = Rust.workers_call workers tag 2 0 in
  let* () = begun again 1 in
  let left = Rust.workers_leave workers (me ()) in
  finish again;
  let* () = Expect.answer "the call after the second join" 3 second in
  let* () = still_pending "leaving" left in
  finish w;
  let* () = Expect.answer "the call before the first leave" 2 first in
  left

(* A cancelled call is over for its caller while its function still cleans up. *)
let cancelled () =
  with_workers @@ fun workers tag ->
  let begun, begin_ = Lwt.wait () and cleaning_up, clean_up = Lwt.wait () in
  let may_finish, finish = Lwt.wait () in
  let f _ =
    Lwt.wakeup_later begin_ ();
    Lwt.catch
      (fun () -> fst (Lwt.task ()))
      (fun e ->
        Expect.that "the function is cancelled" (e = Lwt.Canceled);
        Lwt.wakeup_later clean_up ();
        let* () = may_finish in
        (* Converting this result would panic, but a cancelled call's result is not converted. *)
        Lwt.return (-1))
  in
  Rust.workers_join workers f;
  let* () = Rust.workers_call_until workers tag 1 begun in
  let* () = cleaning_up in
  let left = Rust.workers_leave workers (me ()) in
  let* () = still_pending "leaving" left in
  Lwt.wakeup_later finish ();
  let* () = left in
  (* This function ignores cancelling. *)
  let begun, begin_ = Lwt.wait () and p, u = Lwt.wait () in
  let f _ =
    Lwt.wakeup_later begin_ ();
    p
  in
  Rust.workers_join workers f;
  let* () = Rust.workers_call_until workers tag 1 begun in
  let left = Rust.workers_leave workers (me ()) in
  let* () = still_pending "leaving" left in
  Lwt.wakeup_later u 1;
  left

let cancelled_early () =
  with_workers @@ fun workers tag ->
  let w = pending () in
  Rust.workers_join workers w.f;
  for i = 1 to 10 do
    Rust.workers_call_dropped workers tag i
  done;
  let* () = Rust.workers_leave workers (me ()) in
  Expect.int "functions that were called" 0 (List.length !(w.calls));
  Lwt.return_unit

let panics () =
  with_workers @@ fun workers tag ->
  let join () = Rust.workers_join workers (fun i -> Lwt.return (i - 5)) in
  let each (what, n, trouble) =
    join ();
    let part = "in " ^ what in
    let* () = Expect.error what ~part (Rust.workers_call workers tag n trouble) in
    Rust.workers_leave workers (me ())
  in
  let* () =
    Lwt_list.iter_s each
      [
        ("an argument's conversion", 7, 1);
        ("an argument's destructor", 7, 2);
        ("a result's conversion", 1, 0);
      ]
  in
  (* A waker that panics must keep neither the other waits nor the call from resolving. *)
  let w = pending () in
  Rust.workers_join workers w.f;
  let call = Rust.workers_call workers tag 1 0 in
  let* () = begun w 1 in
  let before = Rust.workers_leave workers (me ()) in
  Expect.that "leaving with a waker that panics is pending"
    (Rust.workers_leave_with_panicking_waker workers (me ()));
  let after = Rust.workers_leave workers (me ()) in
  finish w;
  let* () = Expect.answer "the call" 2 call in
  let* () = before in
  after

let exceptions () =
  with_workers @@ fun workers tag ->
  let f = function 1 -> failwith "on purpose" | _ -> Lwt.fail Not_found in
  Rust.workers_join workers f;
  let* () =
    Expect.error "raised" ~part:"on purpose" (Rust.workers_call workers tag 1 0)
  in
  let* () =
    Expect.error "rejected" ~part:"Not_found" (Rust.workers_call workers tag 2 0)
  in
  Rust.workers_leave workers (me ())

let terminated () =
  with_workers @@ fun workers tag ->
  let other = other () and begun_there = Atomic.make false in
  let there _ =
    Atomic.set begun_there true;
    fst (Lwt.task ())
  in
  let* () = at other.handle (fun () -> Rust.workers_join workers there) in
  let call = Rust.workers_call workers tag 1 0 in
  let* () = Expect.eventually (fun () -> Atomic.get begun_there) in
  let left = Rust.workers_leave workers other.handle in
  let* () = at other.handle (fun () -> Rust.workers_join workers there) in
  Rust.workers_join workers (fun i -> Lwt.return (i + 1));
  Expect.int "size, before" 2 (Rust.workers_len workers);
  other.end_ ();
  other.join ();
  let part = Printf.sprintf "domain %d terminated" other.id in
  let* () = Expect.error "the call in progress" ~part call in
  let* () = left in
  let* () =
    Lwt_list.iter_p
      (fun i ->
        Expect.answer "a call on the other domain" (i + 1)
          (Rust.workers_call workers tag i 0))
      (List.init 10 Fun.id)
  in
  Expect.int "size, after the next call" 1 (Rust.workers_len workers);
  let* () = Rust.workers_leave workers other.handle in
  let* () = Rust.workers_leave workers (me ()) in
  no_worker "after all have left" workers tag

let cases ~scale:_ =
  [
    case "workers: an empty set returns the arguments" empty;
    case "workers: the least loaded domain takes the call" least_loaded;
    case "workers: leaving waits for calls in progress" leaving;
    case "workers: leaving waits for calls of a replaced function" replaced;
    case "workers: leaving waits for calls from before the last join" joined_again;
    case "workers: leaving waits for functions of cancelled calls" cancelled;
    case "workers: a call that is cancelled early does not run" cancelled_early;
    case "workers: a panic leaves no call in progress" panics;
    case "workers: exceptions are errors" exceptions;
    case "workers: a domain may terminate without leaving" terminated;
  ]
