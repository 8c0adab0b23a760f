type stage =
  | New
  | Outside  (** It waits for room in the queue. *)
  | Queued
  | Gone  (** A thread has taken it, or it has been withdrawn. *)

(* [work], [on_queued] and [refuse] are steps of [Uninterrupted.run]. *)
type job = {
  work : unit -> unit;
  mutable stage : stage;
  (* Informs the caller of [submit] that the job is in the queue. *)
  mutable on_queued : unit -> unit;
  (* Informs the caller that there is no thread for the job, and why. *)
  refuse : string -> unit;
  (* The job that entered the queue when this one left it, until that is reported. *)
  mutable successor : job Waiters.node;
}

let capacity = Primitives.permits

(* [lock] protects everything below. It is held for instructions that neither allocate nor poll: a
   finaliser or a signal handler may use this module too, on the same thread. *)
let lock = Mutex.create ()
let queue : job Waiters.t = Waiters.create ()
let queued = ref 0
let outside : job Waiters.t = Waiters.create ()

(* The pool is notified once of each job, and each time one of its threads takes the next job out of
   the queue. A job that is withdrawn leaves behind a notification that finds no job, or the next
   one; so a later job needs none. This is the number of such notifications: those that the pool has
   received, less the jobs that wait. *)
let spare_notifications = ref 0

let enqueue node job =
  job.stage <- Queued;
  Waiters.add queue node;
  incr queued

(* Moves the first job that waits outside into the queue, if there is room. *)
let enqueue_next () =
  match Waiters.first outside with
  | Waiters.Node { value = job; _ } as node when !queued < capacity ->
      Waiters.remove outside node;
      enqueue node job;
      node
  | _ -> Waiters.nil

let report_successor job =
  match job.successor with
  | Waiters.Nil -> ()
  | Waiters.Node { value = next; _ } ->
      next.on_queued ();
      job.successor <- Waiters.nil

let needs_notification () =
  !spare_notifications = 0
  || begin
       decr spare_notifications;
       false
     end

(* The caller holds the lock. *)
let remove node job =
  (match job.stage with
  | New | Gone -> ()
  | Outside ->
      Waiters.remove outside node;
      incr spare_notifications
  | Queued ->
      Waiters.remove queue node;
      decr queued;
      incr spare_notifications;
      job.successor <- enqueue_next ());
  job.stage <- Gone

(* A step of [Uninterrupted.run]. *)
let withdraw_once node job =
  Mutex.lock lock;
  remove node job;
  Mutex.unlock lock;
  report_successor job

(* Keeps the job from starting, unless it has started. *)
let withdraw node job =
  Sys.opaque_identity (Uninterrupted.run2 (Executor.failure ()) withdraw_once node job)

(* Takes the first job out of the queue. Nothing can interrupt it once it has the lock. *)
let take () =
  Mutex.lock lock;
  let node = Waiters.first queue in
  (match node with
  | Waiters.Nil ->
      (* The job was withdrawn after the pool had been notified of it. *)
      decr spare_notifications
  | Waiters.Node { value = job; _ } ->
      Waiters.remove queue node;
      job.stage <- Gone;
      decr queued;
      job.successor <- enqueue_next ());
  Mutex.unlock lock;
  node

(* The exception of a finaliser or a [Memprof] callback that ran on a thread of the pool, outside of the
   function that the thread runs. The threads share Domain 0's lock. *)
let failure = Uninterrupted.failure ()

(* No tail call, so that it does not poll: see [Uninterrupted]. *)
let rec surely_take attempts =
  try take ()
  with e ->
    if Uninterrupted.again failure e attempts then
      Sys.opaque_identity (surely_take (attempts - 1))
    else Waiters.nil

let finish = function
  | Waiters.Nil -> ()
  | Waiters.Node { value = job; _ } ->
      report_successor job;
      job.work ()

(* Rust calls it on a thread of the pool, once for each notification. An exception would be lost there:
   it is reported as OCaml reports those of finalisers that run on other threads. *)
let run_next () =
  let node = surely_take Uninterrupted.attempts in
  Uninterrupted.run failure finish node;
  try Uninterrupted.raise_any failure
  with e -> (
    let bt = Printexc.get_raw_backtrace () in
    try
      Printf.eprintf
        "Lwt_interop.Blocking: an exception arrived on a thread of the pool, outside of \
         the function that it ran: %s\n\
         %s%!"
        (Printexc.to_string e)
        (Printexc.raw_backtrace_to_string bt)
    with _ -> ())

let () = Callback.register "lwt_interop.blocking_next" run_next

(* ---- on the caller's domain *)

type 'a call = {
  caller : Executor.handle;
  job : job;
  node : job Waiters.node;
  promise : 'a Lwt.t;
  (* The pool did not receive the notification of this job, for want of a thread. [refused] is the job that is refused
     therefore, if there is one. *)
  mutable is_lost : bool;
  (* Why it did not. *)
  mutable reason : string;
  mutable refused : job Waiters.node;
  (* The exception of a signal handler or finaliser that interrupted a step of this call. *)
  failure : Uninterrupted.failure;
}

(* A function and its outcome. *)
type 'a turn = {
  f : unit -> 'a;
  mutable is_started : bool;
  mutable value : 'a option;
  (* Why there is no value. *)
  mutable raised : exn;
}

let start turn =
  turn.is_started <- true;
  try turn.value <- Some (turn.f ()) with e -> turn.raised <- e

let outcome turn = match turn.value with Some v -> Ok v | None -> Error turn.raised

let no_thread reason =
  Failure ("Lwt_interop.Blocking: no thread could be started: " ^ reason)

let call f =
  let caller = Executor.current () in
  let promise, u = Lwt.task () in
  let resolve result = if Lwt.is_sleeping promise then Lwt.wakeup_later_result u result in
  let turn = { f; is_started = false; value = None; raised = Not_found } in
  let reply result =
    let resolve = function Executor.Run -> resolve result | Cancel -> () in
    ignore (Executor.post caller resolve : bool)
  in
  let work () =
    if not turn.is_started then start turn;
    reply (outcome turn)
  in
  let refuse reason = reply (Error (no_thread reason)) in
  let job = { work; stage = New; on_queued = ignore; refuse; successor = Waiters.nil } in
  let node = Waiters.node job in
  let exit_hook = Executor.Exit_hook.create () in
  let failure = Uninterrupted.failure () in
  let call =
    {
      caller;
      job;
      node;
      promise;
      is_lost = false;
      reason = "";
      refused = Waiters.nil;
      failure;
    }
  in
  Lwt.on_termination promise (fun () -> Executor.Exit_hook.unregister exit_hook);
  Lwt.on_cancel promise (fun () -> withdraw node job);
  (* The last step that can be interrupted: nothing that was registered is left behind. *)
  Executor.Exit_hook.register exit_hook (fun terminated ->
      withdraw node job;
      resolve (Error terminated));
  call

(* There is no thread for a job. Usually that is the job of [c]. But it may have been withdrawn, or another domain may
   have started a thread, which has taken this job for its own. *)
let choose_refused c =
  if c.job.stage <> Gone then c.node
  else if !spare_notifications >= 0 then Waiters.nil
  else
    match Waiters.first outside with
    | Waiters.Nil -> Waiters.first queue
    | Waiters.Node _ as node -> node

(* A step of [Uninterrupted.run]. *)
let refuse c =
  Mutex.lock lock;
  if not c.is_lost then (
    c.is_lost <- true;
    decr spare_notifications;
    c.refused <- choose_refused c;
    match c.refused with
    | Waiters.Nil -> ()
    | Waiters.Node { value = job; _ } -> remove c.refused job);
  Mutex.unlock lock;
  match c.refused with
  | Waiters.Nil -> ()
  | Waiters.Node { value = job; _ } ->
      report_successor job;
      job.refuse c.reason

let notify_pool c =
  c.reason <- Primitives.blocking_pool_submit ();
  if c.reason <> "" then Sys.opaque_identity (Uninterrupted.run c.failure refuse c)

type entry = Entered | Waits | Full

(* If the queue is full, the job waits outside if [or_wait], and is dropped otherwise. Nothing can
   interrupt it once it has the lock. *)
let enter c ~or_wait =
  Mutex.lock lock;
  (* It is not [New] if a signal handler has terminated the domain since [call]. *)
  let is_wanted = c.job.stage = New in
  let entry =
    if !queued < capacity || not is_wanted then Entered
    else if or_wait then Waits
    else Full
  in
  (match entry with
  | Entered -> if is_wanted then enqueue c.node c.job
  | Waits ->
      c.job.stage <- Outside;
      Waiters.add outside c.node
  | Full -> c.job.stage <- Gone);
  let must_notify = is_wanted && entry <> Full && needs_notification () in
  Mutex.unlock lock;
  if must_notify then notify_pool c;
  entry

(* [f c], for a call of which nobody knows yet: if an exception arrives, the call is cancelled. *)
let give_out c f =
  match f c with
  | given ->
      Uninterrupted.raise_any c.failure;
      given
  | exception e ->
      let bt = Printexc.get_raw_backtrace () in
      Uninterrupted.run c.failure Lwt.cancel c.promise;
      Printexc.raise_with_backtrace e bt

let run f =
  give_out (call f) (fun c ->
      ignore (enter c ~or_wait:true : entry);
      c.promise)

let submit f =
  give_out (call f) (fun c ->
      let entered, u = Lwt.task () in
      let report () = if Lwt.is_sleeping entered then Lwt.wakeup_later u c.promise in
      c.job.on_queued <-
        (fun () ->
          let report = function Executor.Run -> report () | Cancel -> () in
          ignore (Executor.post c.caller report : bool));
      Lwt.on_cancel entered (fun () -> Lwt.cancel c.promise);
      (* Also if the domain terminates, or there is no thread, before the job is in the queue. *)
      Lwt.on_termination c.promise report;
      if enter c ~or_wait:true = Entered then report ();
      entered)

let try_submit f =
  give_out (call f) (fun c ->
      if enter c ~or_wait:false = Full then (
        (* Unregisters the exit hook. *)
        Lwt.cancel c.promise;
        None)
      else Some c.promise)
