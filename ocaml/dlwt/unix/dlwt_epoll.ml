(* Bits: readable, writable. *)
let readable = 1
let writable = 2

(* Ready without being waited for: a file that the kernel does not watch, each time;
   a descriptor that was closed already, so that its user finds out. *)
type readiness = Watched | Once | Always

(* A descriptor's number, what it stands for in the kernel's set, and who waits. *)
type watch = {
  number : int;
  mutable registrations : registration list;
  mutable known : int;  (** the bits that the kernel's set has for it, 0 if it has not *)
  mutable generation : int;  (** of what the kernel's set has *)
  mutable readiness : readiness;
  mutable changed : bool;  (** it is in the list of changes *)
}

and registration = {
  watch : watch;
  bits : int;
  run : unit -> unit;
  round : int;  (** made in that one: it waits from the next on *)
  mutable stopped : bool;
}

type t = {
  mutable set : int;  (** the descriptor of the kernel's *)
  mutable watches : watch option array;  (** by number *)
  mutable changes : watch list;  (** registered since the last wait *)
  mutable ready : watch list;  (** those that are not [Watched], and perhaps others *)
  mutable round : int;
  mutable outdated : bool;  (** the set has what cannot be taken out of it *)
  mutable forks : int;
  found : int array;  (** what a wait has found; see {!number_of} *)
  timers : Dlwt_timers.t;
}

(* ---------------------------------------------------------------- the kernel *)

type operation = Add | Modify | Remove
type outcome = Done | Unknown | Known | Refused | Closed

external create_set : unit -> int = "dlwt_epoll_create"
external close_set : int -> unit = "dlwt_epoll_close"
external control : int -> operation -> int -> outcome = "dlwt_epoll_control"
external wait : int -> int array -> int -> int = "dlwt_epoll_wait"
external forks : unit -> int = "dlwt_epoll_forks" [@@noalloc]

(* How the stubs name an event: generation (28 bits) . number (32) . bits (2). *)
let event w bits = (w.generation lsl 34) lor (w.number lsl 2) lor bits
let bits_of event = event land 3
let number_of event = (event lsr 2) land 0xffff_ffff
let generation_of event = event lsr 34

(* ------------------------------------------------------------ registrations *)

let create () =
  {
    set = create_set ();
    watches = [||];
    changes = [];
    ready = [];
    round = 0;
    outdated = false;
    forks = forks ();
    found = Array.make 256 0;
    timers = Dlwt_timers.create ();
  }

let close t =
  let set = t.set in
  t.set <- -1;
  close_set set

let timers t = t.timers

let new_watch number =
  {
    number;
    registrations = [];
    known = 0;
    generation = 0;
    readiness = Watched;
    changed = false;
  }

let watch t number =
  let length = Array.length t.watches in
  if number >= length then
    t.watches <- Array.append t.watches (Array.make (number + 64) None);
  match t.watches.(number) with
  | Some w -> w
  | None ->
      let w = new_watch number in
      t.watches.(number) <- Some w;
      w

let change t w =
  if not w.changed then (
    t.changes <- w :: t.changes;
    w.changed <- true)

let register t fd bits run =
  let w = watch t (Dlwt_fd.number fd) in
  let r = { watch = w; bits; run; round = t.round; stopped = false } in
  w.registrations <- r :: w.registrations;
  change t w;
  r

let on_readable t fd run = register t fd readable run
let on_writable t fd run = register t fd writable run

let stop r =
  r.stopped <- true;
  r.watch.registrations <- List.filter (fun r -> not r.stopped) r.watch.registrations

let wanted w = List.fold_left (fun bits r -> bits lor r.bits) 0 w.registrations

(* -------------------------------------------------- what changes in the set *)

(* What was registered for a file that has been closed. *)
let forget_older t w =
  let is_new (r : registration) = r.round = t.round in
  w.registrations <- List.filter is_new w.registrations

let make_ready t w readiness =
  if w.readiness = Watched then t.ready <- w :: t.ready;
  w.readiness <- readiness

let watch_for w bits =
  w.known <- bits;
  w.readiness <- Watched

let rec add t w =
  let bits = wanted w in
  w.generation <- (w.generation + 1) land 0xfff_ffff;
  match control t.set Add (event w bits) with
  | Done ->
      if w.readiness = Always then forget_older t w;
      watch_for w bits
  | Known -> modify t w
  | Refused -> make_ready t w Always
  | Closed | Unknown -> make_ready t w Once

and modify t w =
  let bits = wanted w in
  match control t.set Modify (event w bits) with
  | Done -> watch_for w bits
  | Known | Unknown | Refused ->
      w.known <- 0;
      forget_older t w;
      if not (List.is_empty w.registrations) then add t w
  | Closed ->
      w.known <- 0;
      make_ready t w Once

let rec make_changes t =
  match t.changes with
  | [] -> ()
  | w :: rest ->
      if not (List.is_empty w.registrations) then
        if w.known <> 0 then modify t w else add t w;
      w.changed <- false;
      t.changes <- rest;
      make_changes t

(* Nobody waits, or not any more, for what an event is about. *)
let narrow t w =
  if not (List.is_empty w.registrations) then modify t w
  else (
    (* If it is about a file that is open under another number only, there will be
       another event. *)
    ignore (control t.set Remove (event w 0) : outcome);
    w.known <- 0)

let move t w ~is_ours =
  (if is_ours then
     match control t.set Modify (event w w.known) with
     | Done -> ()
     | Known | Unknown | Refused | Closed -> forget_older t w);
  w.known <- 0;
  if not (List.is_empty w.registrations) then change t w

(* After a fork the set is the parent's, who may have changed it since, and goes by what it
   has put there; and a file that was closed while another descriptor of it is open can
   only be left behind with its set. *)
let renew t =
  t.outdated <- true;
  let is_ours = t.forks = forks () in
  let move = function Some w when w.known <> 0 -> move t w ~is_ours | _ -> () in
  Array.iter move t.watches;
  if t.set <> -1 then close t;
  t.set <- create_set ();
  t.outdated <- false;
  t.forks <- forks ()

(* --------------------------------------------------------------- iterations *)

(* A function may run an iteration itself, which uses [t.found] and finds what is
   left of this one. *)
let is_over t round = t.round <> round

let rec run_some registrations bits round =
  match registrations with
  | [] -> ()
  | r :: rest ->
      if r.bits land bits <> 0 && (not r.stopped) && r.round < round then r.run ();
      run_some rest bits round

let run_all registrations bits round =
  run_some registrations (bits land readable) round;
  run_some registrations (bits land writable) round

let rec run_ready t ready round =
  match ready with
  | [] -> ()
  | w :: rest ->
      let waiting = w.registrations in
      if w.readiness = Once then (
        w.readiness <- Watched;
        forget_older t w);
      run_all waiting (readable lor writable) round;
      if not (is_over t round) then run_ready t rest round

let run_event t event round =
  let bits = bits_of event in
  match t.watches.(number_of event) with
  | Some w when w.known <> 0 && w.generation = generation_of event ->
      if bits land wanted w <> 0 then run_all w.registrations bits round else narrow t w
  | _ ->
      (* of a file that was closed under this number and is open under another *)
      t.outdated <- true

let rec run_found t i n round =
  if i < n && not (is_over t round) then (
    run_event t t.found.(i) round;
    run_found t (i + 1) n round)

let drop_idle t =
  let is_waited_for w =
    if List.is_empty w.registrations then w.readiness <- Watched;
    w.readiness <> Watched
  in
  t.ready <- List.filter is_waited_for t.ready

(* A wait that does not block keeps the domain's lock, which is dear to give back. A loop
   that never blocks lets the domain's other threads run every now and then. *)
let iter t ~block =
  if t.outdated || t.forks <> forks () then renew t;
  make_changes t;
  if not (List.is_empty t.ready) then drop_idle t;
  t.round <- t.round + 1;
  let round = t.round in
  let timeout =
    if block && List.is_empty t.ready then Dlwt_timers.milliseconds t.timers else 0
  in
  if timeout = 0 && round land 15 = 0 then Thread.yield ();
  let n = wait t.set t.found timeout in
  Dlwt_timers.run t.timers;
  if not (is_over t round) then run_ready t t.ready round;
  run_found t 0 n round
