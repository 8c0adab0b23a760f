type stage =
  | New
  | Outside  (** It waits for room in the queue. *)
  | Queued
  | Gone  (** A thread has taken it, or it has been withdrawn. *)

type job = {
  work : unit -> unit;
  mutable stage : stage;
  (* Informs the caller of [submit] that the job is in the queue. *)
  mutable on_queued : unit -> unit;
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
   one; so a later job needs none. This is the number of such notifications. *)
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

let report_queued = function
  | Waiters.Nil -> ()
  | Waiters.Node { value = job; _ } -> job.on_queued ()

let needs_notification () =
  !spare_notifications = 0
  || begin
       decr spare_notifications;
       false
     end

(* Keeps the job from starting, unless it has started. *)
let withdraw node job =
  Mutex.lock lock;
  let next =
    match job.stage with
    | New | Gone -> Waiters.nil
    | Outside ->
        Waiters.remove outside node;
        incr spare_notifications;
        Waiters.nil
    | Queued ->
        Waiters.remove queue node;
        decr queued;
        incr spare_notifications;
        enqueue_next ()
  in
  job.stage <- Gone;
  Mutex.unlock lock;
  report_queued next

(* Rust calls it on a thread of the pool, once for each notification. *)
let run_next () =
  Mutex.lock lock;
  match Waiters.first queue with
  | Waiters.Nil ->
      (* The job was withdrawn after the pool had been notified of it. *)
      decr spare_notifications;
      Mutex.unlock lock
  | Waiters.Node { value = job; _ } as node ->
      Waiters.remove queue node;
      job.stage <- Gone;
      decr queued;
      let next = enqueue_next () in
      Mutex.unlock lock;
      report_queued next;
      job.work ()

let () = Callback.register "lwt_interop.blocking_next" run_next

(* ---- on the caller's domain *)

type 'a call = {
  caller : Executor.handle;
  job : job;
  node : job Waiters.node;
  promise : 'a Lwt.t;
  resolve : ('a, exn) result -> unit;
}

let call f =
  let caller = Executor.current () in
  let promise, u = Lwt.task () in
  let resolve result = if Lwt.is_sleeping promise then Lwt.wakeup_later_result u result in
  let work () =
    let result = try Ok (f ()) with e -> Error e in
    let resolve = function Executor.Run -> resolve result | Cancel -> () in
    ignore (Executor.post caller resolve : bool)
  in
  let job = { work; stage = New; on_queued = ignore } in
  let node = Waiters.node job in
  let exit_hook = Executor.Exit_hook.create () in
  Executor.Exit_hook.register exit_hook (fun terminated ->
      withdraw node job;
      resolve (Error terminated));
  Lwt.on_termination promise (fun () -> Executor.Exit_hook.unregister exit_hook);
  Lwt.on_cancel promise (fun () -> withdraw node job);
  { caller; job; node; promise; resolve }

let notify_pool c =
  if not (Primitives.blocking_pool_submit ()) then (
    Mutex.lock lock;
    (* [withdraw] counts a spare notification for this job, and the pool has received none. *)
    if c.job.stage <> Gone then decr spare_notifications;
    Mutex.unlock lock;
    withdraw c.node c.job;
    c.resolve
      (Error
         (Failure
            "Lwt_interop.Blocking: no thread could be started: the operating system \
             refuses one")))

type entry = Entered | Waits | Full

(* If the queue is full, the job waits outside if [or_wait], and is dropped otherwise. *)
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

let run f =
  let c = call f in
  ignore (enter c ~or_wait:true : entry);
  c.promise

let submit f =
  let c = call f in
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
  entered

let try_submit f =
  let c = call f in
  if enter c ~or_wait:false = Full then (
    (* Unregisters the exit hook. *)
    Lwt.cancel c.promise;
    None)
  else Some c.promise
