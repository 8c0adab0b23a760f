type fate = Run | Cancel
type job = fate -> unit

(* A [Handle.t] that is passed to Rust is this record. Rust reads the first field, [raw]: see
   runtime/src/domain/handle.rs. The second one identifies it: see [Primitives.identified]. *)
type handle = { raw : Primitives.handle; id : int; mailbox : job Mpsc.t }

(* A pending promise that Rust awaits. *)
type wait = No_wait | Wait of Obj.t Dlwt.watcher

type t = {
  handle : handle;
  (* Readable when another thread has woken the loop. *)
  wake_fd : Unix.file_descr;
  (* The owner. *)
  thread : int;
  (* The resolvers of calls of Rust functions, by the calls' keys. *)
  calls : Primitives.Resolver.t Slot_table.t;
  (* By the waits' keys. *)
  waits : wait Slot_table.t;
  jobs : job Mpsc.reader;
  (* Rust fills one batch while the loop carries out the other. *)
  even : Primitives.Batch.t;
  odd : Primitives.Batch.t;
  (* Of the batch that the loop carries out. *)
  mutable is_odd : bool;
  mutable entries : int;
  mutable next_entry : int;
  exit_hooks : Exit_hooks.t;
  (* Of this round. A job or callback that raises does not keep the others from running: the first
     exception is raised at the end of the round. *)
  failure : Uninterrupted.failure;
  (* From the moment in which OCaml and Rust both have the executor until it terminates. What
     [join_loop] has added to the loop does nothing before and after. *)
  mutable is_open : bool;
  (* The engine that waits in the domain's own tokio runtime, if it has one. *)
  mutable engine : Lwt_engine.t option;
  (* Undo [join_loop]. *)
  mutable leave_loop : (unit -> unit) list;
}

type state = Absent | Running of t | Terminated of int

type own = {
  mutable state : state;
  (* Of a domain without a loop. Each has its own: its exceptions are no other domain's business. *)
  no_round : Uninterrupted.failure;
}

let key : own Dlwt_rt.eager_key =
  Dlwt_rt.eager_key (fun () -> { state = Absent; no_round = Uninterrupted.failure () })

(* ---- promises that Rust awaits *)

(* Has the outcome of a pending promise reported. *)
let watch_wait t wait p =
  let watcher = Dlwt.watcher () in
  let reported = Wait watcher in
  Slot_table.set t.waits wait reported;
  (* If an exception arrives from now on, [watch_wait] is called again, or the wait is given up; then this
     function must not resolve it. It neither allocates nor polls. *)
  let resolve is_value outcome =
    if Slot_table.get t.waits wait == reported then (
      Slot_table.clear t.waits wait;
      Sys.opaque_identity (Primitives.resolve_wait wait is_value outcome))
  in
  try
    Dlwt.watch watcher p (function
      | Ok v -> resolve true v
      | Error e -> resolve false (Obj.repr e))
  with Invalid_argument _ as e when not (Dlwt.is_owner p) ->
    (* [p] belongs to another domain, and refuses callbacks. *)
    resolve false (Obj.repr e)

let report t wait p =
  match Lwt.state p with
  | Lwt.Return v -> Primitives.resolve_wait wait true v
  | Lwt.Fail e -> Primitives.resolve_wait wait false (Obj.repr e)
  | Lwt.Sleep -> watch_wait t wait p

let forget_wait t wait =
  (match Slot_table.get t.waits wait with
  | No_wait -> ()
  | Wait watcher -> Dlwt.unwatch watcher);
  Slot_table.clear t.waits wait;
  Primitives.release_wait wait

(* ---- the loop *)

(* Exceptions may arrive at any point. What a batch or the mailbox hands over is therefore taken by
   code that neither allocates nor polls, and handled by steps that are called again until they
   return: see [Uninterrupted]. Each continues where it was interrupted. *)

(* [how] does nothing if the promise is resolved: if this is called again because one of the promise's
   callbacks raised. The key is released last: a signal handler that runs before may cancel the
   promise, and must not find another call under its key. Is [true] if budget is left. *)
let resolve t call how content =
  (* A cancelled call has no resolver any more. *)
  how (Slot_table.get t.calls call) content;
  Slot_table.clear t.calls call;
  Primitives.release_call call

(* The call of an OCaml function for Rust. *)
type application = {
  wait : int;
  content : Obj.t;
  mutable is_started : bool;
  mutable promise : Obj.t Lwt.t option;
  (* Why there is no promise. *)
  mutable raised : exn;
  mutable is_attached : bool;
}

let apply t a =
  if not a.is_started then (
    a.is_started <- true;
    try a.promise <- Some (Primitives.Batch.application a.content ())
    with e -> a.raised <- e);
  match a.promise with
  | None -> Primitives.resolve_wait a.wait false (Obj.repr a.raised)
  | Some p -> (
      if Lwt.is_sleeping p && not a.is_attached then (
        Primitives.attach_wait a.wait p;
        a.is_attached <- true);
      (* Only this call fails for want of memory. The loop goes on. *)
      try report t a.wait p
      with Out_of_memory as e ->
        Slot_table.clear t.waits a.wait;
        Primitives.resolve_wait a.wait false (Obj.repr e))

let apply_once t wait content =
  let a =
    {
      wait;
      content;
      is_started = false;
      promise = None;
      raised = Not_found;
      is_attached = false;
    }
  in
  Uninterrupted.run t.failure (apply t) a

(* The promise may belong to another domain, which alone may cancel it. *)
let cancel p = try Lwt.cancel p with Invalid_argument _ -> ()

(* Is [true] if budget is left. *)
let perform_once t key (kind : Primitives.Batch.kind) content =
  match kind with
  | Fulfill -> resolve t key Primitives.Resolver.fulfill content
  | Reject -> resolve t key Primitives.Resolver.reject (Obj.obj content : exn)
  | Apply ->
      apply_once t key content;
      Primitives.consume_budget ()
  | Cancel ->
      cancel (Obj.obj content);
      Primitives.consume_budget ()
  | Forget ->
      forget_wait t key;
      Primitives.consume_budget ()

(* [Uninterrupted.run] for the arguments of [perform_once]. *)
let rec perform t attempts key kind content =
  try perform_once t key kind content
  with e ->
    if Uninterrupted.again t.failure e attempts then
      Sys.opaque_identity (perform t (attempts - 1) key kind content)
    else Primitives.consume_budget ()

let has_jobs t = not (Mpsc.is_empty t.jobs)

(* The [n]-th job of this round, and those after it. *)
let rec run_jobs t n =
  match Mpsc.take t.jobs with
  | Nothing -> ()
  | Item { value = job; _ } ->
      Primitives.record_received ();
      Uninterrupted.run t.failure job Run;
      if Primitives.consume_budget () && n < Primitives.jobs_per_round then
        run_jobs t (n + 1)

let has_entries t = t.next_entry < t.entries

let perform_entry t =
  let i = t.next_entry and batch = if t.is_odd then t.odd else t.even in
  let key = Primitives.Batch.key batch i and kind = Primitives.Batch.kind batch i in
  let content = Primitives.Batch.take batch i in
  t.next_entry <- i + 1;
  perform t Uninterrupted.attempts key kind content

let rec perform_entries t =
  if has_entries t then if perform_entry t then perform_entries t

let tick t =
  let filled = Primitives.tick () in
  (* A task that was polled may have called [exit], whose hooks run the loop: then a tick within
     this one may have handed over entries that are still to be carried out, and this tick has
     none. *)
  if filled > 1 then (
    t.is_odd <- filled land 1 = 1;
    t.next_entry <- 0;
    t.entries <- filled lsr 1)

(* A round of each kind of work. *)
let round t =
  run_jobs t 1;
  if not (has_entries t) then tick t;
  perform_entries t;
  Uninterrupted.raise_any t.failure

(* While budget is left, a call that follows from the outcome of another one does not have to wait
   for an iteration of the Lwt loop. *)
let rec drain t =
  round t;
  if Primitives.should_continue (has_jobs t || has_entries t) then drain t

let after_wait t () =
  if t.is_open then (
    Primitives.refill_budget ();
    drain t)

(* The program may have replaced the engine that waits in the domain's own tokio runtime. *)
let check_engine t =
  match t.engine with
  | Some engine when engine != Lwt_engine.get () ->
      t.engine <- None;
      Primitives.reactor_leave ();
      failwith
        (Printf.sprintf
           "Lwt_interop: domain %d has a tokio runtime of its own, which the engine that \
            was set with Lwt_engine.set does not serve: keep the one that a domain \
            starts with"
           t.handle.id)
  | Some _ | None -> ()

let before_wait t () =
  check_engine t;
  (* Of callbacks and functions that have run since the last round. *)
  Uninterrupted.raise_any t.failure;
  (* The order matters: [park] notices a job that is posted after [has_jobs] has found none. *)
  if t.is_open && (has_jobs t || has_entries t || not (Primitives.park ())) then (
    if not (Primitives.budget_is_exhausted ()) then drain t;
    (* Lwt does not sleep while there is a paused promise. *)
    ignore (Lwt.pause () : unit Lwt.t))

(* ---- termination *)

(* Promises that are pending when the domain terminates are rejected with [Domain_terminated]. If no
   code handles that exception, it is not an error to report: the domain has terminated on
   purpose. *)
let expecting_termination own =
  let others =
    match own with Some hook -> hook | None -> fun e -> !Lwt.async_exception_hook e
  in
  Some (function Errors.Domain_terminated _ -> () | e -> others e)

(* The function is removed first: it need not stand being called twice. *)
let rec leave_loop t =
  match t.leave_loop with
  | [] -> ()
  | leave :: others ->
      t.leave_loop <- others;
      leave ();
      leave_loop t

(* A producer on another domain, which is not being executed at the moment, can keep the queue from
   being drained. It posted its job before the queue was closed. *)
let rec cancel_jobs t =
  match Mpsc.take t.jobs with
  | Item { value = job; _ } ->
      Uninterrupted.run t.failure job Cancel;
      cancel_jobs t
  | Nothing ->
      if not (Mpsc.is_drained t.jobs) then (
        Unix.sleepf 1e-5;
        cancel_jobs t)

(* A step of [Uninterrupted.run]. *)
let terminate_once t own =
  let terminated = Errors.Domain_terminated t.handle.id in
  own.state <- Terminated t.handle.id;
  Mpsc.close t.jobs;
  leave_loop t;
  Primitives.executor_close ();
  (* If Rust code has called the code that called [exit], Rust still refers to the executor. Should the
     domain go on, because a function of [at_exit] raises, this frees the executor when the domain
     terminates. Otherwise it is not called: OCaml has read what to call. *)
  Domain.at_exit (fun () -> Uninterrupted.run own.no_round Primitives.executor_close ());
  (* [executor_close] has no effect on a thread that does not own the executor: a domain terminates
     on its first thread, and its loop may have run on another one. *)
  Primitives.close_handle t.handle.raw;
  let hook = Dlwt.async_exception_hook () in
  Dlwt.set_async_exception_hook (expecting_termination hook);
  cancel_jobs t;
  Exit_hooks.drain (fun run -> Uninterrupted.run t.failure run terminated) t.exit_hooks;
  let reject resolver = Primitives.Resolver.reject resolver terminated in
  (* If a task has called [exit], the tick that polled it resumes afterwards, and may hand over
     outcomes of these calls. It finds no resolvers then. *)
  Slot_table.drain (Uninterrupted.run t.failure reject) t.calls;
  Dlwt.set_async_exception_hook hook;
  (* Of the functions that have run meanwhile. *)
  Uninterrupted.move own.no_round t.failure;
  t.is_open <- false

(* It does nothing for an executor that was never opened, or is terminated again. *)
let terminate t own =
  let step t own = if t.is_open then terminate_once t own in
  Sys.opaque_identity (Uninterrupted.run2_and_raise t.failure step t own)

let join_loop t own =
  let undo_later f = t.leave_loop <- f :: t.leave_loop in
  (* The descriptor is closed soon if an exception arrives, and no event may be left for it. *)
  let event = ref Lwt_engine.fake_event in
  undo_later (fun () ->
      if !event != Lwt_engine.fake_event then Lwt_engine.stop_event !event);
  event :=
    Lwt_engine.on_readable t.wake_fd (fun event ->
        if not (t.is_open && Primitives.clear_notification ()) then
          Lwt_engine.stop_event event);
  let enter = Lwt_main.Enter_iter_hooks.add_last (before_wait t) in
  undo_later (fun () -> Lwt_main.Enter_iter_hooks.remove enter);
  Dlwt_epoll.set_after_wait (fun () -> Primitives.end_sleep ());
  let leave = Lwt_main.Leave_iter_hooks.add_first (after_wait t) in
  undo_later (fun () -> Lwt_main.Leave_iter_hooks.remove leave);
  Dlwt_rt.at_domain_exit ~priority:30 (fun () -> terminate t own)

(* Of finalisers and signal handlers that run in a domain before it has its own. *)
let starting = Uninterrupted.failure ()

let find_failure () =
  if not (Dlwt_rt.is_ready ()) then starting
  else
    let own = Dlwt_rt.get_eager key in
    match own.state with
    | Running t ->
        Uninterrupted.move own.no_round t.failure;
        t.failure
    | Absent | Terminated _ -> own.no_round

let rec surely_find_failure attempts =
  try find_failure ()
  with e ->
    if attempts > 1 then (
      let failure = Sys.opaque_identity (surely_find_failure (attempts - 1)) in
      ignore (Uninterrupted.again failure e 1 : bool);
      failure)
    else starting

(* In the development profile, a look at domain-local state may be interrupted. *)
let failure () = Sys.opaque_identity (surely_find_failure Uninterrupted.attempts)

(* A step of [Uninterrupted.run]: the key of a cancelled call is free, and means nothing to Rust. While the
   domain terminates, Rust has dropped its calls already, and [terminate_once] goes through the table.

   Lwt may be interrupted after it has cancelled the promise, and call this later; then another call may
   have the index of the key. Its promise is pending. *)
let cancel_call_once call =
  match (Dlwt_rt.get_eager key).state with
  | Running t when not (Primitives.Resolver.is_pending (Slot_table.get t.calls call)) ->
      Slot_table.clear t.calls call;
      Primitives.cancel_call call
  | Running _ | Absent | Terminated _ -> ()

let cancel_call call =
  Sys.opaque_identity (Uninterrupted.run (failure ()) cancel_call_once call)

let attach own =
  let id = (Domain.self () :> int) in
  let even = Primitives.Batch.create () and odd = Primitives.Batch.create () in
  let mailbox, jobs = Mpsc.create () in
  let failure = Uninterrupted.failure () in
  let calls = Slot_table.create Primitives.Resolver.none in
  let sample, _ = Dlwt.keyed_task ~on_cancel:cancel_call 0 in
  let opened raw wake_fd =
    let t =
      {
        wake_fd;
        handle = Primitives.identified { raw; id; mailbox };
        thread = Thread.id (Thread.self ());
        calls;
        waits = Slot_table.create No_wait;
        jobs;
        even;
        odd;
        is_odd = false;
        entries = 0;
        next_entry = 0;
        exit_hooks = Exit_hooks.create ();
        failure;
        is_open = false;
        engine = None;
        leave_loop = [];
      }
    in
    let running = Running t in
    match join_loop t own with
    | () ->
        t.is_open <- true;
        own.state <- running;
        t
    | exception e ->
        let bt = Printexc.get_raw_backtrace () in
        Uninterrupted.run failure leave_loop t;
        Printexc.raise_with_backtrace e bt
  in
  match Primitives.executor_open id even odd sample calls with
  | Error why -> (
      match own.state with
      | Running t ->
          (* A finaliser or a signal handler has called Rust since this function began. *)
          t
      | Absent | Terminated _ ->
          failwith
            (Printf.sprintf "Lwt_interop: domain %d cannot have an executor: %s" id why))
  | Ok (raw, wake_fd) -> (
      try opened raw (Primitives.file_descr wake_fd)
      with e ->
        (* Rust has an executor that OCaml does not know. The next call starts afresh. *)
        let bt = Printexc.get_raw_backtrace () in
        Uninterrupted.run failure Primitives.executor_close ();
        Printexc.raise_with_backtrace e bt)

let wrong_thread state =
  let id = (Domain.self () :> int) and me = Thread.id (Thread.self ()) in
  let where =
    match state with
    | Running t -> Printf.sprintf "thread %d, which runs" t.thread
    | Absent | Terminated _ -> "the thread that runs"
  in
  raise
    (Errors.Wrong_thread
       (Printf.sprintf
          "domain %d: Rust functions and Lwt_interop must be used on %s the domain's Lwt \
           loop, and were used on thread %d. Call them in the loop: code under \
           Lwt_preemptive.detach uses Lwt_preemptive.run_in_main"
          id where me))

(* [in_loop] says that the calling thread runs the domain's loop. Without it the executor is made
   only on the domain's first thread, which is assumed to run the loop later. *)
let executor ?(in_loop = false) () =
  (* Not ready: a finaliser or a signal handler calls, in a domain that is still starting. *)
  if not (Dlwt_rt.is_ready ()) then wrong_thread Absent;
  let own = Dlwt_rt.get_eager key in
  match own.state with
  | Running t ->
      if t.thread <> Thread.id (Thread.self ()) then wrong_thread own.state;
      t
  | Terminated id -> raise (Errors.Domain_terminated id)
  | Absent ->
      if in_loop || Primitives.is_first_thread () then attach own else wrong_thread Absent

let current () = (executor ()).handle

let check_thread () =
  if Dlwt_rt.is_ready () then
    match (Dlwt_rt.get_eager key).state with
    | Running t as state when t.thread <> Thread.id (Thread.self ()) -> wrong_thread state
    | Running _ | Absent | Terminated _ -> ()

let own_tokio () =
  let t = executor () in
  let refuse why =
    failwith
      (Printf.sprintf "Lwt_interop: domain %d cannot have a tokio runtime of its own: %s"
         t.handle.id why)
  in
  if not (Primitives.is_first_thread ()) then
    raise
      (Errors.Wrong_thread
         (Printf.sprintf
            "domain %d: the loop of a domain that has a tokio runtime of its own must \
             run on the domain's first thread, and this one runs on thread %d"
            t.handle.id t.thread));
  if not (Dlwt_epoll.is_used ()) then
    refuse
      "the engine that was set with Lwt_engine.set does not serve it. Keep the one that \
       a domain starts with";
  (* Without a runtime it has no effect. *)
  Dlwt_epoll.set_waiter (Some { wait = Primitives.reactor_wait });
  match Primitives.reactor_open () with
  | "" -> t.engine <- Some (Lwt_engine.get ())
  | why -> refuse why

let post handle job =
  Mpsc.push handle.mailbox job
  &&
  (Primitives.notify handle.raw;
   true)

(* Like [executor], for callers that know that their thread owns the executor. *)
let own_executor () =
  match (Dlwt_rt.get_eager key).state with Running t -> t | _ -> executor ()

let raise_if_no_round failure =
  let is_of_loop =
    failure != starting
    &&
    match (Dlwt_rt.get_eager key).state with
    | Running t -> t.failure == failure
    | Absent | Terminated _ -> false
  in
  if not is_of_loop then Uninterrupted.raise_any failure

module Exit_hook = struct
  type t = Exit_hooks.hook

  let none = Exit_hooks.hook ()
  let create () = Exit_hooks.hook ()
  let register hook f = Exit_hooks.add (own_executor ()).exit_hooks hook f

  (* No tail call, so that nothing interrupts its caller: see [Uninterrupted]. *)
  let unregister hook = Sys.opaque_identity (Exit_hooks.remove hook)
end

(* ---- functions that Rust calls *)

(* The exceptions of signal handlers and finalisers are not outcomes of what Rust asks for: the loop raises
   them. *)

let try_reserve calls call =
  match Slot_table.reserve calls call with () -> true | exception Out_of_memory -> false

(* Makes room for the resolver of a call. Rust calls this on the thread that owns the executor. *)
let reserve call =
  let t = own_executor () in
  if not (Uninterrupted.get2 t.failure try_reserve t.calls call) then raise Out_of_memory

(* Rust reads its tag: see runtime/src/ffi/callbacks.rs. *)
type outcome = Pending | Value of Obj.t | Exception of exn

let outcome_or_watch p wait =
  match Lwt.state p with
  | Lwt.Return v -> Value v
  | Lwt.Fail e -> Exception e
  | Lwt.Sleep -> (
      let t = own_executor () in
      try
        watch_wait t wait p;
        Pending
      with Out_of_memory as e ->
        (* Rust uses the key again. *)
        Slot_table.clear t.waits wait;
        Exception e)

let wait p wait_key =
  let t = own_executor () in
  Sys.opaque_identity (Uninterrupted.get2 t.failure outcome_or_watch p wait_key)

let describe e = (Printexc.to_string e, Printexc.get_backtrace ())

(* As in Rust programs, a write to a closed socket is an error and no signal. A handler does that as well as
   [Signal_ignore], and is not inherited by the programs that this one starts. This runs before the
   program's own modules, which may choose another behaviour. *)
let handle_sigpipe () =
  if Primitives.sigpipe_is_default () then
    Sys.set_signal Sys.sigpipe (Signal_handle ignore)

let () =
  Primitives.initialize ();
  handle_sigpipe ();
  Callback.register "lwt_interop.attach" (fun () -> ignore (executor () : t));
  Callback.register "lwt_interop.return" Lwt.return;
  (* Rust learns from it how Lwt represents a fulfilled promise. *)
  Callback.register "lwt_interop.returned_42" (Lwt.return 42);
  Callback.register "lwt_interop.return_unit" Lwt.return_unit;
  Callback.register "lwt_interop.fail" Lwt.fail;
  Callback.register "lwt_interop.reserve" reserve;
  Callback.register "lwt_interop.wait" wait;
  Callback.register "lwt_interop.make_exception" Errors.of_rust;
  Callback.register "lwt_interop.describe_exception" describe;
  (* Every domain that runs a Lwt loop receives jobs, whether or not it calls Rust. [Failure] means
     that no descriptors are left; then the domain's first call of Rust raises it again. An exit action may run
     a loop after the executor's. *)
  let start () =
    try ignore (executor ~in_loop:true () : t)
    with Failure _ | Errors.Domain_terminated _ -> ()
  in
  Dlwt_rt.each_domain (fun () ->
      if Dlwt_rt.is_main () then
        (* Domain 0 initialises modules now, and may never run a loop. *)
        let hook = ref None in
        hook :=
          Some
            (Lwt_main.Enter_iter_hooks.add_first (fun () ->
                 start ();
                 Option.iter Lwt_main.Enter_iter_hooks.remove !hook))
      else start ())
