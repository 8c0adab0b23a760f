type timer = {
  mutable due : int;  (** nanoseconds *)
  mutable sequence : int;  (** orders timers that are due at the same time *)
  mutable index : int;  (** in the heap; -1 if it is not in it *)
  period : int;  (** nanoseconds; -1 if it does not repeat *)
  action : unit -> unit;
}

type t = {
  mutable heap : timer array;
  mutable length : int;
  mutable started : int;
  mutable last_run : int;
}

external now : unit -> int = "dlwt_timers_now" [@@noalloc]

let none = { due = 0; sequence = 0; index = -1; period = -1; action = ignore }
let create () = { heap = [||]; length = 0; started = 0; last_run = 0 }

(* ---------------------------------------------------------------- the heap

   A signal handler may raise between any two steps of a loop. After each step every timer
   is in the heap once, at its [index], and [sift] restores the order before the exception
   goes on. *)

let is_before a b = a.due < b.due || (a.due = b.due && a.sequence < b.sequence)

let put t timer index =
  t.heap.(index) <- timer;
  timer.index <- index

let[@inline] swap t a b =
  let i = a.index in
  put t a b.index;
  put t b i

let rec sift_up t timer =
  if timer.index > 0 then
    let parent = t.heap.((timer.index - 1) / 2) in
    if is_before timer parent then (
      swap t timer parent;
      sift_up t timer)

let rec sift_down t timer =
  let left = (2 * timer.index) + 1 in
  if left < t.length then
    let child = t.heap.(left) in
    let child =
      if left + 1 < t.length && is_before t.heap.(left + 1) child then t.heap.(left + 1)
      else child
    in
    if is_before child timer then (
      swap t timer child;
      sift_down t timer)

let rec sift t timer =
  match
    sift_up t timer;
    sift_down t timer
  with
  | () -> ()
  | exception exn ->
      sift t timer;
      raise exn

(* The heap has room for it. *)
let insert t timer =
  put t timer t.length;
  t.length <- t.length + 1;
  sift t timer

let add t timer =
  if t.length = Array.length t.heap then (
    let larger = Array.make (max 16 (2 * t.length)) none in
    Array.blit t.heap 0 larger 0 t.length;
    t.heap <- larger);
  t.started <- t.started + 1;
  timer.sequence <- t.started;
  insert t timer

let stop t timer =
  let index = timer.index in
  if index >= 0 then (
    let last = t.heap.(t.length - 1) in
    put t last index;
    timer.index <- -1;
    t.length <- t.length - 1;
    t.heap.(t.length) <- none;
    if last != timer then sift t last)

(* -------------------------------------------------------------------- time *)

(* Longer than any process runs, and small enough not to overflow. *)
let never = 1 lsl 60

let nanoseconds seconds =
  if seconds >= 1e9 then never
  else if seconds > 0. then int_of_float (seconds *. 1e9)
  else 0

let start t ~delay ~repeat action =
  let delay = nanoseconds delay in
  let due = max (now ()) (t.last_run + 1) + delay in
  let timer =
    { due; sequence = 0; index = -1; period = (if repeat then delay else -1); action }
  in
  add t timer;
  timer

let milliseconds t =
  if t.length = 0 then -1
  else
    let left = t.heap.(0).due - now () in
    (* Limited to what epoll_wait accepts. A loop that wakes early waits again. *)
    if left <= 0 then 0 else min ((left + 999_999) / 1_000_000) 0x3fff_ffff

let rec run_due t now =
  if t.length > 0 then
    let timer = t.heap.(0) in
    if timer.due <= now then (
      (match stop t timer with
      | () -> ()
      | exception exn ->
          (* It has not run: the next call runs it. *)
          if timer.index < 0 then insert t timer;
          raise exn);
      if timer.period >= 0 then (
        timer.due <- max (timer.due + timer.period) (now + 1);
        add t timer);
      timer.action ();
      run_due t now)

let run t =
  if t.length > 0 then (
    t.last_run <- now ();
    run_due t t.last_run)
