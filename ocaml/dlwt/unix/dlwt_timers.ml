type timer = {
  mutable due : int;  (** nanoseconds *)
  mutable order : int;  (** of those that are due at the same moment *)
  mutable place : int;  (** in the heap; -1 if it is not there *)
  period : int;  (** -1: once *)
  action : unit -> unit;
}

type t = {
  mutable heap : timer array;
  mutable length : int;
  mutable started : int;
  mutable last_run : int;
}

external now : unit -> int = "dlwt_timers_now" [@@noalloc]

let nobody = { due = 0; order = 0; place = -1; period = -1; action = ignore }
let create () = { heap = [||]; length = 0; started = 0; last_run = 0 }

(* ---------------------------------------------------------------- the heap

   A signal's handler may raise between any two of these steps: each leaves every
   timer in one place that it knows. *)

let is_before a b = a.due < b.due || (a.due = b.due && a.order < b.order)

let put t timer place =
  t.heap.(place) <- timer;
  timer.place <- place

let[@inline] swap t a b =
  let i = a.place in
  put t a b.place;
  put t b i

let rec rise t timer =
  if timer.place > 0 then
    let parent = t.heap.((timer.place - 1) / 2) in
    if is_before timer parent then (
      swap t timer parent;
      rise t timer)

let rec sink t timer =
  let left = (2 * timer.place) + 1 in
  if left < t.length then
    let child = t.heap.(left) in
    let child =
      if left + 1 < t.length && is_before t.heap.(left + 1) child then t.heap.(left + 1)
      else child
    in
    if is_before child timer then (
      swap t timer child;
      sink t timer)

let add t timer =
  if t.length = Array.length t.heap then (
    let larger = Array.make (max 16 (2 * t.length)) nobody in
    Array.blit t.heap 0 larger 0 t.length;
    t.heap <- larger);
  t.started <- t.started + 1;
  timer.order <- t.started;
  put t timer t.length;
  t.length <- t.length + 1;
  rise t timer

let stop t timer =
  let place = timer.place in
  if place >= 0 then (
    let last = t.heap.(t.length - 1) in
    put t last place;
    timer.place <- -1;
    t.length <- t.length - 1;
    t.heap.(t.length) <- nobody;
    if last != timer then (
      rise t last;
      sink t last))

(* -------------------------------------------------------------------- time *)

(* More than any process lives, and no overflow. *)
let never = 1 lsl 60

let nanoseconds seconds =
  if seconds >= 1e9 then never
  else if seconds > 0. then int_of_float (seconds *. 1e9)
  else 0

let start t ~delay ~repeat action =
  let delay = nanoseconds delay in
  let due = max (now ()) (t.last_run + 1) + delay in
  let timer =
    { due; order = 0; place = -1; period = (if repeat then delay else -1); action }
  in
  add t timer;
  timer

let milliseconds t =
  if t.length = 0 then -1
  else
    let left = t.heap.(0).due - now () in
    (* what the system call takes; a wait that ends early is begun again *)
    if left <= 0 then 0 else min ((left + 999_999) / 1_000_000) 0x3fff_ffff

let rec run_due t now =
  if t.length > 0 then
    let timer = t.heap.(0) in
    if timer.due <= now then (
      stop t timer;
      if timer.period >= 0 then (
        timer.due <- max (timer.due + timer.period) (now + 1);
        add t timer);
      timer.action ();
      run_due t now)

let run t =
  if t.length > 0 then (
    t.last_run <- now ();
    run_due t t.last_run)
