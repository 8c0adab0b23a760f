type stage =
  | New
  | Outside  (** waits for a place in the queue *)
  | Queued
  | Gone  (** taken by a thread, or not wanted any more *)

type job = {
  work : unit -> unit;
  mutable stage : stage;
  (* Tells the caller that the job has a place. *)
  mutable admit : unit -> unit;
}

(* How many jobs wait for a thread before [submit] waits. Rust's own have as many places, in
   runtime/src/blocking.rs. *)
let places = 256

(* What follows is under this lock, which is held for instructions that neither allocate nor poll: a
   finaliser or a signal handler may come here too. *)
let lock = Mutex.create ()
let queue : job Line.t = Line.create ()
let queued = ref 0
let outside : job Line.t = Line.create ()

(* How often the lane, whose threads run in Domain 0, has been told of a job that it will not find:
   one that was not wanted any more. The next job needs no telling then. *)
let told_too_often = ref 0

let take_place place job =
  job.stage <- Queued;
  Line.join queue place;
  incr queued

(* Gives the job that has got a place, if there was one free and somebody waits for it. *)
let admit_next () =
  match Line.first outside with
  | Line.Place { who = job; _ } as place when !queued < places ->
      Line.leave outside place;
      take_place place job;
      place
  | _ -> Line.nobody

let tell = function Line.Nobody -> () | Line.Place { who = job; _ } -> job.admit ()

(* Whether the lane has to be told. *)
let needs_telling () =
  !told_too_often = 0
  || begin
       decr told_too_often;
       false
     end

(* Nobody wants the job any more. It does not start, unless it has. *)
let drop place job =
  Mutex.lock lock;
  let next =
    match job.stage with
    | New | Gone -> Line.nobody
    | Outside ->
        Line.leave outside place;
        incr told_too_often;
        Line.nobody
    | Queued ->
        Line.leave queue place;
        decr queued;
        incr told_too_often;
        admit_next ()
  in
  job.stage <- Gone;
  Mutex.unlock lock;
  tell next

(* A thread of the lane has been told of a job. *)
let next () =
  Mutex.lock lock;
  match Line.first queue with
  | Line.Nobody ->
      (* For one that has been dropped since. *)
      decr told_too_often;
      Mutex.unlock lock
  | Line.Place { who = job; _ } as place ->
      Line.leave queue place;
      job.stage <- Gone;
      decr queued;
      let admitted = admit_next () in
      Mutex.unlock lock;
      tell admitted;
      job.work ()

let () = Callback.register "lwt_interop.blocking_next" next

(* ---- at the caller's *)

type 'a call = {
  home : Executor.handle;
  job : job;
  place : job Line.place;
  outcome : 'a Lwt.t;
  settle : ('a, exn) result -> unit;
}

let call f =
  let home = Executor.current () in
  let outcome, u = Lwt.task () in
  let settle result = if Lwt.is_sleeping outcome then Lwt.wakeup_later_result u result in
  let work () =
    let result = try Ok (f ()) with e -> Error e in
    let settle = function Executor.Deliver -> settle result | Abandon -> () in
    ignore (Executor.post home settle : bool)
  in
  let job = { work; stage = New; admit = ignore } in
  let place = Line.place job in
  let watch = Executor.watch () in
  Executor.while_alive watch (fun gone ->
      drop place job;
      settle (Error gone));
  Lwt.on_termination outcome (fun () -> Executor.forget watch);
  Lwt.on_cancel outcome (fun () -> drop place job);
  { home; job; place; outcome; settle }

let tell_lane c =
  if not (Raw.lane_submit ()) then (
    Mutex.lock lock;
    (* It was not told. *)
    if c.job.stage <> Gone then decr told_too_often;
    Mutex.unlock lock;
    drop c.place c.job;
    c.settle (Error (Failure "Lwt_interop.Blocking: no thread could be started")))

type entry = Entered | Waits | Full

(* If there is no place the job waits for one, or is refused. *)
let enter c ~or_wait =
  Mutex.lock lock;
  (* A signal handler may have ended the domain. *)
  let wanted = c.job.stage = New in
  let entry =
    if !queued < places || not wanted then Entered else if or_wait then Waits else Full
  in
  (match entry with
  | Entered -> if wanted then take_place c.place c.job
  | Waits ->
      c.job.stage <- Outside;
      Line.join outside c.place
  | Full -> c.job.stage <- Gone);
  let tell = wanted && entry <> Full && needs_telling () in
  Mutex.unlock lock;
  if tell then tell_lane c;
  entry

let run f =
  let c = call f in
  ignore (enter c ~or_wait:true : entry);
  c.outcome

let submit f =
  let c = call f in
  let admitted, u = Lwt.task () in
  let admit () = if Lwt.is_sleeping admitted then Lwt.wakeup_later u c.outcome in
  c.job.admit <-
    (fun () ->
      let admit = function Executor.Deliver -> admit () | Abandon -> () in
      ignore (Executor.post c.home admit : bool));
  Lwt.on_cancel admitted (fun () -> Lwt.cancel c.outcome);
  (* The domain may end first. *)
  Lwt.on_termination c.outcome admit;
  if enter c ~or_wait:true = Entered then admit ();
  admitted

let try_submit f =
  let c = call f in
  if enter c ~or_wait:false = Full then (
    (* Takes the job off what the domain's end would settle. *)
    Lwt.cancel c.outcome;
    None)
  else Some c.outcome
