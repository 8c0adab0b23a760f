type job = { run : unit -> unit; abandon : unit -> unit }
type handle = { id : int; raw : Raw.handle; inbox : job Mpsc.t }

(* A promise that OCaml code waits for. *)
type pending = Nobody | Pending : 'a Lwt.u -> pending

(* What ends the wait for a promise that Rust awaits. *)
type wait = No_wait | Wait of Obj.t Lwt.t

type t = {
  handle : handle;
  (* Readable when the loop is woken. *)
  wake_fd : Unix.file_descr;
  thread : int;
  calls : pending Keyed.t;
  waits : wait Keyed.t;
  (* Messages that are taken from the inbox, but not yet run. *)
  mutable todo : job list;
  (* Rust fills one batch while the loop works on another. *)
  mutable batch : Raw.Batch.t;
  mutable entries : int;
  mutable next_entry : int;
  (* Called with [Domain_terminated] when the domain ends. *)
  watchers : (int, exn -> unit) Hashtbl.t;
  mutable next_watcher : int;
  mutable stop : unit -> unit;
}

type state = Absent | Running of t | Ended of int

let key : state ref Dlwt_rt.eager_key = Dlwt_rt.eager_key (fun () -> ref Absent)

(* ---- promises of calls *)

(* The promise, which is ours to settle; [Nobody] if it has been cancelled. *)
let claim t call =
  match Keyed.take t.calls call with
  | Nobody -> Nobody
  | Pending _ as p ->
      Raw.release_call call;
      p

(* ---- promises that Rust waits for *)

(* Lwt keeps a callback until its promise is settled, but for those of [Lwt.protected]. *)
let report t wait p =
  let settle is_value outcome =
    ignore (Keyed.take t.waits wait : wait);
    Raw.settle_wait wait is_value outcome
  in
  let fulfilled v = settle true v and rejected e = settle false (Obj.repr e) in
  match Lwt.state p with
  | Lwt.Return v -> fulfilled v
  | Lwt.Fail e -> rejected e
  | Lwt.Sleep -> (
      (* A promise of another domain refuses callbacks. *)
      match Lwt.protected p with
      | exception e -> rejected e
      | mine ->
          Keyed.set t.waits wait (Wait mine);
          Lwt.on_any mine fulfilled rejected)

let forget_wait t wait =
  (match Keyed.take t.waits wait with No_wait -> () | Wait mine -> Lwt.cancel mine);
  Raw.release_wait wait

(* ---- the loop *)

let perform t entry =
  match (entry : Raw.Batch.entry) with
  | Resolve (call, v) -> (
      match claim t call with Pending u -> Raw.resolve u v | Nobody -> ())
  | Reject (call, e) -> (
      match claim t call with Pending u -> Lwt.wakeup_later_exn u e | Nobody -> ())
  | Apply (wait, f) ->
      let p = try f () with e -> Lwt.fail e in
      if Lwt.is_sleeping p then Raw.attach_wait wait p;
      report t wait p
  | Cancel p -> (
      (* A promise of another domain is not ours to cancel. *)
      try Lwt.cancel p with Invalid_argument _ -> ())
  | Forget wait -> forget_wait t wait

(* What fails keeps nothing else from running; the first exception of those that Lwt lets through
   comes out at the end of the round. *)
type failure = (exn * Printexc.raw_backtrace) option ref

let attempt (first : failure) f x =
  try f x
  with e ->
    let bt = Printexc.get_raw_backtrace () in
    if Option.is_none !first then first := Some (e, bt)

let raise_first (first : failure) =
  Option.iter (fun (e, bt) -> Printexc.raise_with_backtrace e bt) !first

(* The same number as in runtime/src/turn.rs, which has the reasons. *)
let chunk = 32

let next_job t =
  let jobs = match t.todo with [] -> Mpsc.take_all t.handle.inbox | jobs -> jobs in
  match jobs with
  | [] -> None
  | job :: rest ->
      t.todo <- rest;
      Some job

let rec run_jobs t failure n =
  match next_job t with
  | None -> ()
  | Some job ->
      attempt failure job.run ();
      if Raw.spend () && n < chunk then run_jobs t failure (n + 1)

let has_entries t = t.next_entry < t.entries

let has_jobs t =
  match t.todo with [] -> not (Mpsc.is_empty t.handle.inbox) | _ :: _ -> true

let perform_entry t failure =
  let i = t.next_entry in
  t.next_entry <- i + 1;
  attempt failure (perform t) (Raw.Batch.take t.batch i)

let rec perform_entries t failure =
  if has_entries t then (
    perform_entry t failure;
    if Raw.spend () then perform_entries t failure)

let tick t failure =
  let spare = if t.batch == Raw.Batch.none then Raw.Batch.create () else t.batch in
  (* A task may call [exit], whose hooks run the loop, which ticks as well. *)
  t.batch <- Raw.Batch.none;
  let filled = Raw.tick spare in
  while has_entries t do
    perform_entry t failure
  done;
  t.batch <- filled;
  t.next_entry <- 0;
  t.entries <- (if filled == spare then 0 else Raw.Batch.length filled)

(* A chunk of each kind. *)
let round t =
  let failure = ref None in
  run_jobs t failure 1;
  if not (has_entries t) then tick t failure;
  perform_entries t failure;
  raise_first failure

(* A chain of calls is served without going through the loop each time, while the turn lasts. *)
let rec drain t =
  round t;
  if (has_jobs t || has_entries t || Raw.has_work ()) && not (Raw.turn_is_over ()) then
    drain t

let after_wait t () =
  Raw.begin_turn ();
  drain t

(* Lwt decides whether it sleeps by whether there are paused promises. *)
let before_wait t () =
  (* In this order: a message that comes after the first look is news to the second. *)
  if has_jobs t || has_entries t || not (Raw.park ()) then (
    if not (Raw.turn_is_over ()) then drain t;
    ignore (Lwt.pause () : unit Lwt.t))

(* ---- the executor's life *)

(* What still waits learns of the domain's end. Where nobody handles that, it is no error of the
   program's: the domain has ended on purpose. *)
let expecting_termination f =
  let own = Dlwt.async_exception_hook () in
  let others =
    match own with Some hook -> hook | None -> fun e -> !Lwt.async_exception_hook e
  in
  Dlwt.set_async_exception_hook
    (Some (function Errors.Domain_terminated _ -> () | e -> others e));
  Fun.protect f ~finally:(fun () -> Dlwt.set_async_exception_hook own)

let terminate t state () =
  let gone = Errors.Domain_terminated t.handle.id in
  state := Ended t.handle.id;
  let jobs = t.todo @ Mpsc.close t.handle.inbox in
  t.todo <- [];
  let quietly f x = try f x with _ -> () in
  t.stop ();
  Raw.executor_close ();
  (* The loop may have run on another thread than the domain's first, which ends it. *)
  Raw.close_handle t.handle.raw;
  expecting_termination (fun () ->
      List.iter (fun job -> quietly job.abandon ()) jobs;
      Hashtbl.iter (fun _ watcher -> quietly watcher gone) (Hashtbl.copy t.watchers);
      let reject = function
        | Nobody -> ()
        | Pending u -> quietly (Lwt.wakeup_later_exn u) gone
      in
      Keyed.iter reject t.calls)

let join_loop t state =
  let undo_later f =
    let before = t.stop in
    t.stop <-
      (fun () ->
        f ();
        before ())
  in
  let event =
    Lwt_engine.on_readable t.wake_fd (fun event ->
        if not (Raw.clear_wake ()) then Lwt_engine.stop_event event)
  in
  undo_later (fun () -> Lwt_engine.stop_event event);
  let enter = Lwt_main.Enter_iter_hooks.add_last (before_wait t) in
  undo_later (fun () -> Lwt_main.Enter_iter_hooks.remove enter);
  let leave = Lwt_main.Leave_iter_hooks.add_first (after_wait t) in
  undo_later (fun () -> Lwt_main.Leave_iter_hooks.remove leave);
  Dlwt_rt.at_domain_exit ~priority:30 (terminate t state)

let attach state =
  let id = (Domain.self () :> int) in
  match Raw.executor_open id (Raw.Batch.create ()) with
  | Error why ->
      failwith
        (Printf.sprintf "Lwt_interop: domain %d cannot have an executor: %s" id why)
  | Ok (raw, wake_fd) ->
      let t =
        {
          wake_fd;
          handle = { id; raw; inbox = Mpsc.create () };
          thread = Thread.id (Thread.self ());
          calls = Keyed.create Nobody;
          waits = Keyed.create No_wait;
          todo = [];
          batch = Raw.Batch.none;
          entries = 0;
          next_entry = 0;
          watchers = Hashtbl.create 16;
          next_watcher = 0;
          stop = ignore;
        }
      in
      state := Running t;
      (try join_loop t state
       with e ->
         (* Nobody has seen the executor yet; the next call may have more luck. *)
         let bt = Printexc.get_raw_backtrace () in
         t.stop ();
         Raw.executor_close ();
         state := Absent;
         Printexc.raise_with_backtrace e bt);
      t

let wrong_thread state =
  let id = (Domain.self () :> int) and me = Thread.id (Thread.self ()) in
  let where =
    match state with
    | Running t -> Printf.sprintf "thread %d, which runs" t.thread
    | Absent | Ended _ -> "the thread that runs"
  in
  raise
    (Errors.Wrong_thread
       (Printf.sprintf
          "domain %d: asynchronous Rust belongs to %s the domain's Lwt loop, and was \
           used on thread %d. Use it in the loop; code under Lwt_preemptive.detach gets \
           there with Lwt_preemptive.run_in_main"
          id where me))

(* [in_loop]: the calling thread runs the domain's loop. Otherwise it is trusted to be the one that
   will if it is the domain's first. *)
let executor ?(in_loop = false) () =
  (* A finaliser or a signal handler, in a domain that is just being started. *)
  if not (Dlwt_rt.is_ready ()) then wrong_thread Absent;
  let state = Dlwt_rt.get_eager key in
  match !state with
  | Running t ->
      if t.thread <> Thread.id (Thread.self ()) then wrong_thread !state;
      t
  | Ended id -> raise (Errors.Domain_terminated id)
  | Absent ->
      if in_loop || Raw.is_first_thread () then attach state else wrong_thread Absent

let current () = (executor ()).handle

let post handle job =
  Mpsc.push handle.inbox job
  &&
  (Raw.notify handle.raw;
   true)

let while_alive f =
  let t = executor () in
  let id = t.next_watcher in
  t.next_watcher <- id + 1;
  Hashtbl.add t.watchers id f;
  fun () -> Hashtbl.remove t.watchers id

(* ---- what Rust calls *)

let pending call =
  let t = executor () in
  let p, u = Lwt.task () in
  Keyed.set t.calls call (Pending u);
  Lwt.on_cancel p (fun () ->
      ignore (Keyed.take t.calls call : pending);
      Raw.cancel_call call);
  p

type answer = Not_yet | Value of Obj.t | Exception of exn

let wait p wait_key =
  match Lwt.state p with
  | Lwt.Return v -> Value v
  | Lwt.Fail e -> Exception e
  | Lwt.Sleep ->
      report (executor ()) wait_key p;
      Not_yet

let describe e = (Printexc.to_string e, Printexc.get_backtrace ())

let () =
  Raw.init ();
  Callback.register "lwt_interop.attach" (fun () -> ignore (executor () : t));
  Callback.register "lwt_interop.return" Lwt.return;
  Callback.register "lwt_interop.return_unit" Lwt.return_unit;
  Callback.register "lwt_interop.fail" Lwt.fail;
  Callback.register "lwt_interop.pending" (fun call : Obj.t Lwt.t -> pending call);
  Callback.register "lwt_interop.wait" wait;
  Callback.register "lwt_interop.make_exception" Errors.of_rust;
  Callback.register "lwt_interop.describe_exception" describe;
  (* A domain that runs a Lwt loop takes messages, whether or not it has called Rust. Should there
     be no descriptor left for it, the first call says so. *)
  let start () = try ignore (executor ~in_loop:true () : t) with Failure _ -> () in
  Dlwt_rt.each_domain (fun () ->
      if Dlwt_rt.is_main () then
        (* Not while modules are initialised: the program may never run a loop. *)
        let hook = ref None in
        hook :=
          Some
            (Lwt_main.Enter_iter_hooks.add_first (fun () ->
                 Option.iter Lwt_main.Enter_iter_hooks.remove !hook;
                 start ()))
      else start ())
