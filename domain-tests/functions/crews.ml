open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

let me = Handle.current

(* What is on the way, here and on tokio, arrives meanwhile. *)
let a_while () =
  let* (_ : string * string) = Rust.on_tokio "" in
  let* (_ : string) = Rust.yield_n 10 "" in
  Lwt.return_unit

let still_pending what p =
  let* () = a_while () in
  Expect.that (what ^ " is pending") (Lwt.is_sleeping p);
  Lwt.return_unit

(* A function whose calls wait until they are told the answer. *)
type worker = { f : int -> int Lwt.t; calls : (int * int Lwt.u) list ref }

let worker () =
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

(* Every argument is dropped in the end. *)
let with_crew f =
  let crew = Rust.crew_create () and tag = tag () in
  let* () = f crew tag in
  Expect.eventually (fun () -> Rust.futures_alive tag = 0)

let nobody_works what crew tag =
  let part =
    "no domain takes this call: none has joined, or all have ended, 7 came back"
  in
  Expect.told what ~part (Rust.crew_call crew tag 7 0)

let empty () =
  with_crew @@ fun crew tag ->
  Expect.int "size" 0 (Rust.crew_size crew);
  let* () = nobody_works "an empty crew" crew tag in
  (* Nobody has to wait for who is not there. *)
  let* () = Rust.crew_leave crew (me ()) in
  Rust.crew_leave_on_tokio crew (me ())

let least_loaded () =
  with_crew @@ fun crew tag ->
  with_other @@ fun { handle; _ } ->
  let mine = worker () and n = 3 in
  let theirs = Atomic.make 0 and may_end = Atomic.make false in
  let there i =
    Atomic.incr theirs;
    let* () = Expect.eventually (fun () -> Atomic.get may_end) in
    Lwt.return (i + 1)
  in
  Rust.crew_join crew mine.f;
  let* () = at handle (fun () -> Rust.crew_join crew there) in
  Expect.int "size" 2 (Rust.crew_size crew);
  (* One after the other, so that each finds the ones before. *)
  let call i =
    let p = Rust.crew_call crew tag i 0 in
    let begun () = List.length !(mine.calls) + Atomic.get theirs = i in
    let* () = Expect.eventually begun in
    Lwt.return (Expect.answer "an answer" (i + 1) p)
  in
  let* answers = Lwt_list.map_s call (List.init (2 * n) succ) in
  Expect.int "half of them here" n (List.length !(mine.calls));
  finish mine;
  let is_there p = not (Lwt.is_sleeping p) in
  let* () = Expect.eventually (fun () -> List.exists is_there answers) in
  Atomic.set may_end true;
  let* () = Lwt.join answers in
  let* () = Rust.crew_leave crew handle in
  Expect.int "one is left" 1 (Rust.crew_size crew);
  Rust.crew_leave crew (me ())

let leaving () =
  with_crew @@ fun crew tag ->
  let w = worker () in
  Rust.crew_join crew w.f;
  let call = Rust.crew_call crew tag 1 0 in
  let* () = begun w 1 in
  let first = Rust.crew_leave crew (me ()) in
  Expect.int "it is out at once" 0 (Rust.crew_size crew);
  let* () = nobody_works "who leaves takes no more" crew tag in
  (* Whoever asks is told the same. *)
  let again = Rust.crew_leave crew (me ()) in
  let on_tokio = Rust.crew_leave_on_tokio crew (me ()) in
  let* () = still_pending "leaving" first in
  let* () = still_pending "leaving again" again in
  let* () = still_pending "leaving, on tokio" on_tokio in
  finish w;
  let* () = Expect.answer "the call" 2 call in
  let* () = Lwt.join [ first; again; on_tokio ] in
  Rust.crew_leave crew (me ())

let replaced () =
  with_crew @@ fun crew tag ->
  let before = worker () and now = worker () in
  Rust.crew_join crew before.f;
  let first = Rust.crew_call crew tag 1 0 in
  let* () = begun before 1 in
  Rust.crew_join crew now.f;
  Expect.int "one function each" 1 (Rust.crew_size crew);
  let second = Rust.crew_call crew tag 2 0 in
  let* () = begun now 1 in
  let left = Rust.crew_leave crew (me ()) in
  finish now;
  let* () = Expect.answer "the new function's" 3 second in
  let* () = still_pending "leaving" left in
  finish before;
  let* () = Expect.answer "the old function's" 2 first in
  left

let back_again () =
  with_crew @@ fun crew tag ->
  let w = worker () and again = worker () in
  Rust.crew_join crew w.f;
  let first = Rust.crew_call crew tag 1 0 in
  let* () = begun w 1 in
  (* Nobody waits for this one. *)
  Lwt.cancel (Rust.crew_leave crew (me ()));
  Rust.crew_join crew again.f;
  let second = Rust.crew_call crew tag 2 0 in
  let* () = begun again 1 in
  let left = Rust.crew_leave crew (me ()) in
  finish again;
  let* () = Expect.answer "after it came back" 3 second in
  let* () = still_pending "leaving" left in
  finish w;
  let* () = Expect.answer "before it left" 2 first in
  left

(* The call has ended for who made it, but the function has not. *)
let cancelled () =
  with_crew @@ fun crew tag ->
  let begun, begins = Lwt.wait () and cleaning, cleans = Lwt.wait () in
  let clean, cleaned = Lwt.wait () in
  let f _ =
    Lwt.wakeup_later begins ();
    Lwt.catch
      (fun () -> fst (Lwt.task ()))
      (fun e ->
        Expect.that "it is cancelled" (e = Lwt.Canceled);
        Lwt.wakeup_later cleans ();
        let* () = clean in
        (* Nobody converts that. *)
        Lwt.return (-1))
  in
  Rust.crew_join crew f;
  let* () = Rust.crew_call_until crew tag 1 begun in
  let* () = cleaning in
  let left = Rust.crew_leave crew (me ()) in
  let* () = still_pending "leaving" left in
  Lwt.wakeup_later cleaned ();
  let* () = left in
  (* It does not care. *)
  let begun, begins = Lwt.wait () and p, u = Lwt.wait () in
  let f _ =
    Lwt.wakeup_later begins ();
    p
  in
  Rust.crew_join crew f;
  let* () = Rust.crew_call_until crew tag 1 begun in
  let left = Rust.crew_leave crew (me ()) in
  let* () = still_pending "leaving" left in
  Lwt.wakeup_later u 1;
  left

let cancelled_early () =
  with_crew @@ fun crew tag ->
  let w = worker () in
  Rust.crew_join crew w.f;
  for i = 1 to 10 do
    Rust.crew_call_dropped crew tag i
  done;
  let* () = Rust.crew_leave crew (me ()) in
  Expect.int "none was called" 0 (List.length !(w.calls));
  Lwt.return_unit

let panics () =
  with_crew @@ fun crew tag ->
  let join () = Rust.crew_join crew (fun i -> Lwt.return (i - 5)) in
  let each (what, n, trouble) =
    join ();
    let part = "in " ^ what in
    let* () = Expect.told what ~part (Rust.crew_call crew tag n trouble) in
    Rust.crew_leave crew (me ())
  in
  let* () =
    Lwt_list.iter_s each
      [
        ("an argument's conversion", 7, 1);
        ("an argument's destructor", 7, 2);
        ("a result's conversion", 1, 0);
      ]
  in
  (* The waker of who waits for the end is not the caller's. *)
  let w = worker () in
  Rust.crew_join crew w.f;
  let call = Rust.crew_call crew tag 1 0 in
  let* () = begun w 1 in
  let before = Rust.crew_leave crew (me ()) in
  Expect.that "it waits" (Rust.crew_leave_badly crew (me ()));
  let after = Rust.crew_leave crew (me ()) in
  finish w;
  let* () = Expect.answer "the call" 2 call in
  let* () = before in
  after

let exceptions () =
  with_crew @@ fun crew tag ->
  let f = function 1 -> failwith "that's it" | _ -> Lwt.fail Not_found in
  Rust.crew_join crew f;
  let* () = Expect.told "raised" ~part:"that's it" (Rust.crew_call crew tag 1 0) in
  let* () = Expect.told "rejected" ~part:"Not_found" (Rust.crew_call crew tag 2 0) in
  Rust.crew_leave crew (me ())

(* Who ends without a word. *)
let ended () =
  with_crew @@ fun crew tag ->
  let other = other () and begun_there = Atomic.make false in
  let there _ =
    Atomic.set begun_there true;
    fst (Lwt.task ())
  in
  let* () = at other.handle (fun () -> Rust.crew_join crew there) in
  let call = Rust.crew_call crew tag 1 0 in
  let* () = Expect.eventually (fun () -> Atomic.get begun_there) in
  let left = Rust.crew_leave crew other.handle in
  let* () = at other.handle (fun () -> Rust.crew_join crew there) in
  Rust.crew_join crew (fun i -> Lwt.return (i + 1));
  Expect.int "both" 2 (Rust.crew_size crew);
  other.end_ ();
  other.join ();
  let part = Printf.sprintf "domain %d terminated" other.id in
  let* () = Expect.told "under way" ~part call in
  let* () = left in
  let* () =
    Lwt_list.iter_p
      (fun i -> Expect.answer "the others'" (i + 1) (Rust.crew_call crew tag i 0))
      (List.init 10 Fun.id)
  in
  Expect.int "it is found out" 1 (Rust.crew_size crew);
  let* () = Rust.crew_leave crew other.handle in
  let* () = Rust.crew_leave crew (me ()) in
  nobody_works "in the end" crew tag

let cases ~scale:_ =
  [
    case "workers: none" empty;
    case "workers: the least loaded takes the call" least_loaded;
    case "workers: leaving waits for what is under way" leaving;
    case "workers: leaving waits for the calls of a function that was replaced" replaced;
    case "workers: leaving waits for the calls from before the last joining" back_again;
    case "workers: leaving waits for functions whose calls were cancelled" cancelled;
    case "workers: calls that are cancelled early" cancelled_early;
    case "workers: panics leave nothing under way" panics;
    case "workers: exceptions" exceptions;
    case "workers: a domain ends without leaving" ended;
  ]
