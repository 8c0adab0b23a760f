type fate = Run | Cancel
type job = fate -> unit

(* A [Handle.t] that is passed to Rust is this record. Rust reads the first field, [raw]: see
   runtime/src/domain/handle.rs. The second one identifies it: see [Primitives.identified]. *)
type handle = { raw : Primitives.handle; id : int; mailbox : job Mpsc.t }

(* A pending promise that Rust awaits: a [Lwt.protected] of it, which can be cancelled alone. *)
type wait = No_wait | Wait of Obj.t Lwt.t

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
  (* Jobs taken out of the mailbox that have not run. *)
  mutable jobs : job list;
  (* Rust fills one batch while the loop carries out the other. *)
  even : Primitives.Batch.t;
  odd : Primitives.Batch.t;
  (* Of the batch that the loop carries out. *)
  mutable is_odd : bool;
  mutable entries : int;
  mutable next_entry : int;
  exit_hooks : Exit_hooks.t;
  mutable failure : (exn * Printexc.raw_backtrace) option;
  (* Undoes [join_loop]. *)
  mutable leave_loop : unit -> unit;
}

type state = Absent | Running of t | Terminated of int

let key : state ref Dlwt_rt.eager_key = Dlwt_rt.eager_key (fun () -> ref Absent)

(* ---- promises that Rust awaits *)

(* A callback on [p] itself would stay there until [p] is resolved, although Rust may have given up
   the wait long before. [Lwt.protected] makes a promise that leaves nothing behind when it is
   cancelled. *)
let report t wait p =
  let resolve is_value outcome =
    ignore (Slot_table.take t.waits wait : wait);
    Primitives.resolve_wait wait is_value outcome
  in
  let fulfilled v = resolve true v and rejected e = resolve false (Obj.repr e) in
  match Lwt.state p with
  | Lwt.Return v -> fulfilled v
  | Lwt.Fail e -> rejected e
  | Lwt.Sleep -> (
      match Lwt.protected p with
      | exception e ->
          (* [p] belongs to another domain, and refuses callbacks. *)
          rejected e
      | protected ->
          Slot_table.set t.waits wait (Wait protected);
          Lwt.on_any protected fulfilled rejected)

let forget_wait t wait =
  (match Slot_table.take t.waits wait with
  | No_wait -> ()
  | Wait protected -> Lwt.cancel protected);
  Primitives.release_wait wait

(* ---- the loop *)

(* The key is released last: a signal handler that runs before may cancel the promise, and must not
   find another call under its key. *)
let resolve t call how content =
  let resolver = Slot_table.take t.calls call in
  if Primitives.Resolver.is_none resolver then
    (* The promise has been cancelled. *)
    Primitives.release_call call
  else
    match how resolver content with
    | () -> Primitives.release_call call
    | exception e ->
        let bt = Printexc.get_raw_backtrace () in
        Primitives.release_call call;
        Printexc.raise_with_backtrace e bt

let perform t i =
  let batch = if t.is_odd then t.odd else t.even in
  let key = Primitives.Batch.key batch i and kind = Primitives.Batch.kind batch i in
  let content = Primitives.Batch.take batch i in
  match kind with
  | Fulfill -> resolve t key Primitives.Resolver.fulfill content
  | Reject -> resolve t key Primitives.Resolver.reject (Obj.obj content : exn)
  | Apply ->
      let p = try Primitives.Batch.application content () with e -> Lwt.fail e in
      if Lwt.is_sleeping p then Primitives.attach_wait key p;
      report t key p
  | Cancel -> (
      (* Raised if the promise belongs to another domain, which alone may cancel it. *)
      try Lwt.cancel (Obj.obj content) with Invalid_argument _ -> ())
  | Forget -> forget_wait t key

(* A job or callback that raises does not keep the others from running. The first exception is
   raised at the end of the round. *)
let record_failure t e =
  let bt = Printexc.get_raw_backtrace () in
  if Option.is_none t.failure then t.failure <- Some (e, bt)

let raise_failure t =
  match t.failure with
  | None -> ()
  | Some (e, bt) ->
      t.failure <- None;
      Printexc.raise_with_backtrace e bt

let has_jobs t =
  match t.jobs with [] -> not (Mpsc.is_empty t.handle.mailbox) | _ :: _ -> true

(* The [n]-th job of this round, and those after it. *)
let rec run_jobs t n =
  match t.jobs with
  | job :: rest ->
      t.jobs <- rest;
      (try job Run with e -> record_failure t e);
      if Primitives.consume_budget () && n < Primitives.jobs_per_round then
        run_jobs t (n + 1)
  | [] -> (
      match Mpsc.take_all t.handle.mailbox with
      | [] -> ()
      | jobs ->
          t.jobs <- jobs;
          Primitives.record_received (List.length jobs);
          run_jobs t n)

let has_entries t = t.next_entry < t.entries

let perform_entry t =
  let i = t.next_entry in
  t.next_entry <- i + 1;
  try perform t i with e -> record_failure t e

let rec perform_entries t =
  if has_entries t then (
    perform_entry t;
    if Primitives.consume_budget () then perform_entries t)

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
  if has_jobs t then run_jobs t 1;
  if not (has_entries t) then tick t;
  perform_entries t;
  raise_failure t

(* While budget is left, a call that follows from the outcome of another one does not have to wait
   for an iteration of the Lwt loop. *)
let rec drain t =
  round t;
  if Primitives.should_continue (has_jobs t || has_entries t) then drain t

let after_wait t () =
  Primitives.refill_budget ();
  drain t

let before_wait t () =
  (* The order matters: [park] notices a job that is posted after [has_jobs] has found none. *)
  if has_jobs t || has_entries t || not (Primitives.park ()) then (
    if not (Primitives.budget_is_exhausted ()) then drain t;
    (* Lwt does not sleep while there is a paused promise. *)
    ignore (Lwt.pause () : unit Lwt.t))

(* ---- termination *)

(* Promises that are pending when the domain terminates are rejected with [Domain_terminated]. If no
   code handles that exception, it is not an error to report: the domain has terminated on
   purpose. *)
let expecting_termination f =
  let own = Dlwt.async_exception_hook () in
  let others =
    match own with Some hook -> hook | None -> fun e -> !Lwt.async_exception_hook e
  in
  Dlwt.set_async_exception_hook
    (Some (function Errors.Domain_terminated _ -> () | e -> others e));
  Fun.protect f ~finally:(fun () -> Dlwt.set_async_exception_hook own)

let terminate t state () =
  let terminated = Errors.Domain_terminated t.handle.id in
  state := Terminated t.handle.id;
  let jobs = t.jobs @ Mpsc.close t.handle.mailbox in
  t.jobs <- [];
  let quietly f x = try f x with _ -> () in
  t.leave_loop ();
  Primitives.executor_close ();
  (* [executor_close] has no effect on a thread that does not own the executor: a domain terminates
     on its first thread, and its loop may have run on another one. *)
  Primitives.close_handle t.handle.raw;
  expecting_termination (fun () ->
      List.iter (fun job -> quietly job Cancel) jobs;
      Exit_hooks.drain (fun run -> quietly run terminated) t.exit_hooks;
      let reject r =
        if not (Primitives.Resolver.is_none r) then
          Primitives.Resolver.reject r terminated
      in
      (* If a task has called [exit], the tick that polled it resumes afterwards, and may hand over
         outcomes of these calls. It finds no resolvers then. *)
      Slot_table.drain (quietly reject) t.calls)

let join_loop t state =
  let undo_later f =
    let earlier = t.leave_loop in
    t.leave_loop <-
      (fun () ->
        f ();
        earlier ())
  in
  let event =
    Lwt_engine.on_readable t.wake_fd (fun event ->
        if not (Primitives.clear_notification ()) then Lwt_engine.stop_event event)
  in
  undo_later (fun () -> Lwt_engine.stop_event event);
  let enter = Lwt_main.Enter_iter_hooks.add_last (before_wait t) in
  undo_later (fun () -> Lwt_main.Enter_iter_hooks.remove enter);
  let leave = Lwt_main.Leave_iter_hooks.add_first (after_wait t) in
  undo_later (fun () -> Lwt_main.Leave_iter_hooks.remove leave);
  Dlwt_rt.at_domain_exit ~priority:30 (terminate t state)

let attach state =
  let id = (Domain.self () :> int) in
  let even = Primitives.Batch.create () and odd = Primitives.Batch.create () in
  match Primitives.executor_open id even odd with
  | Error why ->
      failwith
        (Printf.sprintf "Lwt_interop: domain %d cannot have an executor: %s" id why)
  | Ok (raw, wake_fd) ->
      let t =
        {
          wake_fd;
          handle = Primitives.identified { raw; id; mailbox = Mpsc.create () };
          thread = Thread.id (Thread.self ());
          calls = Slot_table.create Primitives.Resolver.none;
          waits = Slot_table.create No_wait;
          jobs = [];
          even;
          odd;
          is_odd = false;
          entries = 0;
          next_entry = 0;
          exit_hooks = Exit_hooks.create ();
          failure = None;
          leave_loop = ignore;
        }
      in
      state := Running t;
      (try join_loop t state
       with e ->
         (* No other code refers to this executor yet, so the next call can start afresh. *)
         let bt = Printexc.get_raw_backtrace () in
         t.leave_loop ();
         Primitives.executor_close ();
         state := Absent;
         Printexc.raise_with_backtrace e bt);
      t

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
  let state = Dlwt_rt.get_eager key in
  match !state with
  | Running t ->
      if t.thread <> Thread.id (Thread.self ()) then wrong_thread !state;
      t
  | Terminated id -> raise (Errors.Domain_terminated id)
  | Absent ->
      if in_loop || Primitives.is_first_thread () then attach state
      else wrong_thread Absent

let current () = (executor ()).handle

let post handle job =
  Mpsc.push handle.mailbox job
  &&
  (Primitives.notify handle.raw;
   true)

(* Like [executor], for callers that know that their thread owns the executor. *)
let own_executor () =
  match !(Dlwt_rt.get_eager key) with Running t -> t | _ -> executor ()

module Exit_hook = struct
  type t = Exit_hooks.hook

  let create () = Exit_hooks.hook ()
  let register hook f = Exit_hooks.add (own_executor ()).exit_hooks hook f
  let unregister hook = Exit_hooks.remove hook
end

(* ---- functions that Rust calls *)

let cancel_call call =
  ignore (Slot_table.take (own_executor ()).calls call : Primitives.Resolver.t);
  Primitives.cancel_call call

(* The promise of a call that is pending. Rust calls this on the thread that owns the executor. *)
let pending call =
  let t = own_executor () in
  let p, u = Dlwt.keyed_task ~on_cancel:cancel_call call in
  Slot_table.set t.calls call (Primitives.Resolver.make u);
  p

(* Rust reads its tag: see runtime/src/ffi/callbacks.rs. *)
type outcome = Pending | Value of Obj.t | Exception of exn

let wait p wait_key =
  match Lwt.state p with
  | Lwt.Return v -> Value v
  | Lwt.Fail e -> Exception e
  | Lwt.Sleep ->
      report (executor ()) wait_key p;
      Pending

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
  Callback.register "lwt_interop.pending" (fun call : Obj.t Lwt.t -> pending call);
  Callback.register "lwt_interop.wait" wait;
  Callback.register "lwt_interop.make_exception" Errors.of_rust;
  Callback.register "lwt_interop.describe_exception" describe;
  (* The argument is an address of Rust's. *)
  Callback.register "lwt_interop.run_protected" (fun address ->
      Primitives.run_protected address);
  (* Every domain that runs a Lwt loop receives jobs, whether or not it calls Rust. [Failure] means
     that no descriptors are left; then the domain's first call of Rust raises it again. *)
  let start () = try ignore (executor ~in_loop:true () : t) with Failure _ -> () in
  Dlwt_rt.each_domain (fun () ->
      if Dlwt_rt.is_main () then
        (* Domain 0 initialises modules now, and may never run a loop. *)
        let hook = ref None in
        hook :=
          Some
            (Lwt_main.Enter_iter_hooks.add_first (fun () ->
                 Option.iter Lwt_main.Enter_iter_hooks.remove !hook;
                 start ()))
      else start ())
