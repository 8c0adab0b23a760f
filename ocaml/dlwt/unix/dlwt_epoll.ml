(* The bits of an event. *)
let readable = 1
let writable = 2

(* How an iteration learns that a descriptor is ready: from the kernel; without asking it,
   [Once], for a descriptor that was already closed when it was registered; or [Always], for
   a file that epoll does not support. *)
type readiness = Polled | Once | Always

(* A descriptor number: its registrations, and what the kernel knows of it. *)
type descriptor = {
  number : int;
  mutable registrations : registration list;
  mutable interest : int;  (** its bits in the epoll instance, 0 if it is not there *)
  mutable generation : int;  (** of its entry in the epoll instance *)
  mutable readiness : readiness;
  mutable changed : bool;  (** it is in the list of changes *)
}

and registration = {
  descriptor : descriptor;
  bits : int;
  run : unit -> unit;
  round : int;  (** when it was made; it runs from the next round on *)
  mutable stopped : bool;
}

type t = {
  mutable epfd : int;  (** the descriptor of the epoll instance *)
  mutable instance : int;  (** the number of the epoll instance *)
  mutable unsettled : bool;
      (** the instance may have events that the waiter does not report: see {!waiter} *)
  mutable descriptors : descriptor option array;  (** by number *)
  mutable changes : descriptor list;  (** registered since the last wait *)
  mutable ready : descriptor list;  (** those that are not [Polled], and perhaps others *)
  mutable round : int;
  mutable stale : bool;
      (** the epoll instance has an entry that cannot be removed: its file is open under
          another number only *)
  mutable forks : int;
  events : int array;  (** the result of a wait; see {!number_of} *)
  timers : Dlwt_timers.t;
}

(* -------------------------------------------------------------- system calls *)

type operation = Add | Modify | Remove

(* The errors of epoll_ctl that describe the descriptor: ENOENT, EEXIST, EPERM, EBADF. *)
type outcome = Done | No_entry | Exists | Not_permitted | Bad_descriptor

external epoll_create : unit -> int = "dlwt_epoll_create"
external epoll_close : int -> unit = "dlwt_epoll_close"
external control : int -> operation -> int -> outcome = "dlwt_epoll_control"
external wait : int -> int array -> int -> int = "dlwt_epoll_wait"
external forks : unit -> int = "dlwt_epoll_forks" [@@noalloc]

(* An event in the stubs: generation (28 bits) . number (32) . bits (2). *)
let event d bits = (d.generation lsl 34) lor (d.number lsl 2) lor bits
let bits_of event = event land 3
let number_of event = (event lsr 2) land 0xffff_ffff
let generation_of event = event lsr 34

(* -------------------------------------------------------------- other waiters *)

type waited = Quiet | Events | Elsewhere
type waiter = { wait : epfd:int -> instance:int -> milliseconds:int -> waited }

type own = {
  mutable waiter : waiter option;
  mutable after_wait : unit -> unit;
  mutable used : int;
}

let own = Dlwt_rt.eager_key (fun () -> { waiter = None; after_wait = ignore; used = 0 })
let set_waiter waiter = (Dlwt_rt.get_eager own).waiter <- waiter
let set_after_wait f = (Dlwt_rt.get_eager own).after_wait <- f
let is_used () = (Dlwt_rt.get_eager own).used > 0

let add_used n =
  let own = Dlwt_rt.get_eager own in
  own.used <- own.used + n

let instances = Atomic.make 0
let new_instance () = Atomic.fetch_and_add instances 1

(* ------------------------------------------------------------ registrations *)

let create () =
  let epfd = epoll_create () in
  add_used 1;
  {
    epfd;
    instance = new_instance ();
    unsettled = true;
    descriptors = [||];
    changes = [];
    ready = [];
    round = 0;
    stale = false;
    forks = forks ();
    events = Array.make 256 0;
    timers = Dlwt_timers.create ();
  }

let close_instance t =
  let epfd = t.epfd in
  t.epfd <- -1;
  if epfd <> -1 then epoll_close epfd

let close t =
  if t.epfd <> -1 then add_used (-1);
  close_instance t

let timers t = t.timers

let new_descriptor number =
  {
    number;
    registrations = [];
    interest = 0;
    generation = 0;
    readiness = Polled;
    changed = false;
  }

let descriptor t number =
  let length = Array.length t.descriptors in
  if number >= length then
    t.descriptors <- Array.append t.descriptors (Array.make (number + 64) None);
  match t.descriptors.(number) with
  | Some d -> d
  | None ->
      let d = new_descriptor number in
      t.descriptors.(number) <- Some d;
      d

let change t d =
  if not d.changed then (
    t.changes <- d :: t.changes;
    d.changed <- true)

let register t fd bits run =
  let d = descriptor t (Dlwt_fd.number fd) in
  let r = { descriptor = d; bits; run; round = t.round; stopped = false } in
  let registrations = r :: d.registrations in
  (* First, because an exception between the two would leave a registration that the next
     wait does not know. *)
  change t d;
  d.registrations <- registrations;
  r

let on_readable t fd run = register t fd readable run
let on_writable t fd run = register t fd writable run

let remove_stopped d =
  d.registrations <- List.filter (fun r -> not r.stopped) d.registrations

(* If an exception interrupts it, the registration is removed after its next event. *)
let stop r =
  r.stopped <- true;
  remove_stopped r.descriptor

let wanted d =
  List.fold_left
    (fun bits r -> if r.stopped then bits else bits lor r.bits)
    0 d.registrations

(* ------------------------------------------------------ the epoll instance *)

(* Removes the registrations for a file that has been closed. *)
let remove_older t d =
  let is_new (r : registration) = r.round = t.round in
  d.registrations <- List.filter is_new d.registrations

let make_ready t d readiness =
  if d.readiness = Polled then t.ready <- d :: t.ready;
  d.readiness <- readiness

let set_interest d bits =
  d.interest <- bits;
  d.readiness <- Polled

let rec add t d =
  let bits = wanted d in
  d.generation <- (d.generation + 1) land 0xfff_ffff;
  match control t.epfd Add (event d bits) with
  | Done ->
      if d.readiness = Always then remove_older t d;
      set_interest d bits
  | Exists -> modify t d
  | Not_permitted -> make_ready t d Always
  | Bad_descriptor | No_entry -> make_ready t d Once

and modify t d =
  let bits = wanted d in
  match control t.epfd Modify (event d bits) with
  | Done -> set_interest d bits
  | Exists | No_entry | Not_permitted ->
      d.interest <- 0;
      remove_older t d;
      if not (List.is_empty d.registrations) then add t d
  | Bad_descriptor ->
      d.interest <- 0;
      make_ready t d Once

let rec make_changes t =
  match t.changes with
  | [] -> ()
  | d :: rest ->
      if not (List.is_empty d.registrations) then
        if d.interest <> 0 then modify t d else add t d;
      d.changed <- false;
      t.changes <- rest;
      make_changes t

(* After an event that no registration waits for. *)
let reduce_interest t d =
  remove_stopped d;
  if not (List.is_empty d.registrations) then modify t d
  else (
    (* Fails if the event's file is open under another number only. Then there will be
       another event, which makes the instance stale. *)
    ignore (control t.epfd Remove (event d 0) : outcome);
    d.interest <- 0)

let migrate t d ~is_ours =
  (if is_ours then
     match control t.epfd Modify (event d d.interest) with
     | Done -> ()
     | Exists | No_entry | Not_permitted | Bad_descriptor -> remove_older t d);
  d.interest <- 0;
  if not (List.is_empty d.registrations) then change t d

(* Replaces the epoll instance. After a fork it is shared with the parent, which may have
   changed it since and relies on its entries. A stale entry can only be left behind together
   with its instance. *)
let replace_instance t =
  t.stale <- true;
  let is_ours = t.forks = forks () in
  let migrate = function
    | Some d when d.interest <> 0 -> migrate t d ~is_ours
    | _ -> ()
  in
  Array.iter migrate t.descriptors;
  close_instance t;
  t.epfd <- epoll_create ();
  t.instance <- new_instance ();
  t.unsettled <- true;
  t.stale <- false;
  t.forks <- forks ()

(* --------------------------------------------------------------- iterations *)

(* A function may run an iteration itself, which overwrites [t.events] and runs what
   remains of this one. *)
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

(* An exception must not lose the registrations that have not run. *)
let run_once t d round =
  let waiting = d.registrations in
  remove_older t d;
  d.readiness <- Polled;
  try run_all waiting (readable lor writable) round
  with exn ->
    let again = List.filter (fun r -> not r.stopped) waiting in
    make_ready t d Once;
    d.registrations <- List.rev_append again d.registrations;
    raise exn

let rec run_ready t ready round =
  match ready with
  | [] -> ()
  | d :: rest ->
      if d.readiness = Once then run_once t d round
      else run_all d.registrations (readable lor writable) round;
      if not (is_over t round) then run_ready t rest round

let run_event t event round =
  let bits = bits_of event in
  match t.descriptors.(number_of event) with
  | Some d when d.interest <> 0 && d.generation = generation_of event ->
      if bits land wanted d <> 0 then run_all d.registrations bits round
      else reduce_interest t d
  | _ ->
      (* An entry for a file that was closed under this number and is open under another. *)
      t.stale <- true

let rec run_events t i n round =
  if i < n && not (is_over t round) then (
    run_event t t.events.(i) round;
    run_events t (i + 1) n round)

let remove_idle t =
  let is_waited_for d =
    if List.is_empty d.registrations then d.readiness <- Polled;
    d.readiness <> Polled
  in
  t.ready <- List.filter is_waited_for t.ready

(* The instance is asked first if it had events the last time: the waiter reports only what has become
   ready since. An exception may arrive at any point: then the instance is asked again. *)
let wait_with waiter t timeout =
  let n = if t.unsettled then wait t.epfd t.events 0 else 0 in
  t.unsettled <- true;
  let milliseconds = if n > 0 then 0 else timeout in
  let n =
    match waiter.wait ~epfd:t.epfd ~instance:t.instance ~milliseconds with
    | Events when n = 0 -> wait t.epfd t.events 0
    | Elsewhere when n = 0 -> wait t.epfd t.events timeout
    | Quiet | Events | Elsewhere -> n
  in
  t.unsettled <- n > 0;
  n

let wait_for_events t timeout =
  let own = Dlwt_rt.get_eager own in
  let n =
    match own.waiter with
    | None -> wait t.epfd t.events timeout
    | Some waiter -> wait_with waiter t timeout
  in
  own.after_wait ();
  n

(* A wait that does not block keeps the domain's lock, which is expensive to release. A loop
   that never blocks therefore yields to the domain's other threads once in 16 rounds. *)
let iter t ~block =
  if t.stale || t.forks <> forks () then replace_instance t;
  (* Before, because a change may list those that are idle again, and after, because it may make others idle. *)
  if not (List.is_empty t.ready) then remove_idle t;
  make_changes t;
  if not (List.is_empty t.ready) then remove_idle t;
  t.round <- t.round + 1;
  let round = t.round in
  let timeout =
    if block && List.is_empty t.ready then Dlwt_timers.milliseconds t.timers else 0
  in
  if timeout = 0 && round land 15 = 0 then Thread.yield ();
  let n = wait_for_events t timeout in
  Dlwt_timers.run t.timers;
  if not (is_over t round) then run_ready t t.ready round;
  run_events t 0 n round
