type fate = Deliver | Abandon
type job = fate -> unit

(* Rust takes it as an argument, and looks at [raw]: see [handle_in] in runtime/src/stubs.rs. *)
type handle = { id : int; raw : Raw.handle; inbox : job Mpsc.t }

(* What ends the wait for a promise that Rust awaits. *)
type wait = No_wait | Wait of Obj.t Lwt.t

(* In a ring, or alone. *)
type watch = { mutable tell : exn -> unit; mutable before : watch; mutable after : watch }

type t = {
  handle : handle;
  (* Readable when the loop is woken. *)
  wake_fd : Unix.file_descr;
  thread : int;
  (* The promises of calls, which OCaml code waits for. *)
  calls : Raw.Resolver.t Keyed.t;
  waits : wait Keyed.t;
  (* Messages that are taken from the inbox, but not yet run. *)
  mutable todo : job list;
  (* Rust fills one batch while the loop works on another. *)
  even : Raw.Batch.t;
  odd : Raw.Batch.t;
  mutable is_odd : bool;
  mutable entries : int;
  mutable next_entry : int;
  (* Told [Domain_terminated] when the domain ends. *)
  watches : watch;
  mutable failure : (exn * Printexc.raw_backtrace) option;
  mutable stop : unit -> unit;
}

type state = Absent | Running of t | Ended of int

let key : state ref Dlwt_rt.eager_key = Dlwt_rt.eager_key (fun () -> ref Absent)

(* ---- what the domain's end is told to *)

(* In place of neighbours. *)
let rec nobody = { tell = ignore; before = nobody; after = nobody }
let watch () = { tell = ignore; before = nobody; after = nobody }

let ring () =
  let r = watch () in
  r.before <- r;
  r.after <- r;
  r

let[@poll error] join ring w =
  w.before <- ring.before;
  w.after <- ring;
  ring.before.after <- w;
  ring.before <- w

let[@poll error] forget w =
  if w.before != nobody then (
    w.before.after <- w.after;
    w.after.before <- w.before;
    w.before <- nobody;
    w.after <- nobody)

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

(* The promise is ours to settle; or nobody's, if it has been cancelled. The key is free afterwards
   only: a signal handler that cancels the promise meanwhile must not find another call there. *)
let settle t call how content =
  let resolver = Keyed.take t.calls call in
  if Raw.Resolver.is_nobody resolver then Raw.release_call call
  else
    match how resolver content with
    | () -> Raw.release_call call
    | exception e ->
        let bt = Printexc.get_raw_backtrace () in
        Raw.release_call call;
        Printexc.raise_with_backtrace e bt

let perform t i =
  let batch = if t.is_odd then t.odd else t.even in
  let key = Raw.Batch.key batch i and kind = Raw.Batch.kind batch i in
  let content = Raw.Batch.take batch i in
  match kind with
  | Resolve -> settle t key Raw.Resolver.resolve content
  | Reject -> settle t key Raw.Resolver.reject (Obj.obj content : exn)
  | Apply ->
      let p = try Raw.Batch.application content () with e -> Lwt.fail e in
      if Lwt.is_sleeping p then Raw.attach_wait key p;
      report t key p
  | Cancel -> (
      (* A promise of another domain is not ours to cancel. *)
      try Lwt.cancel (Obj.obj content) with Invalid_argument _ -> ())
  | Forget -> forget_wait t key

(* What fails keeps nothing else from running; the first exception of those that Lwt lets through
   comes out at the end of the round. *)
let note_failure t e =
  let bt = Printexc.get_raw_backtrace () in
  if Option.is_none t.failure then t.failure <- Some (e, bt)

let raise_failure t =
  match t.failure with
  | None -> ()
  | Some (e, bt) ->
      t.failure <- None;
      Printexc.raise_with_backtrace e bt

(* The same number as in runtime/src/turn.rs, which has the reasons. *)
let chunk = 32

let has_jobs t =
  match t.todo with [] -> not (Mpsc.is_empty t.handle.inbox) | _ :: _ -> true

let rec run_jobs t n =
  match t.todo with
  | job :: rest ->
      t.todo <- rest;
      (try job Deliver with e -> note_failure t e);
      if Raw.spend () && n < chunk then run_jobs t (n + 1)
  | [] -> (
      match Mpsc.take_all t.handle.inbox with
      | [] -> ()
      | jobs ->
          t.todo <- jobs;
          Raw.received (List.length jobs);
          run_jobs t n)

let has_entries t = t.next_entry < t.entries

let perform_entry t =
  let i = t.next_entry in
  t.next_entry <- i + 1;
  try perform t i with e -> note_failure t e

let rec perform_entries t =
  if has_entries t then (
    perform_entry t;
    if Raw.spend () then perform_entries t)

let tick t =
  let filled = Raw.tick () in
  (* A task may call [exit], whose hooks run the loop, which ticks as well. If that has left
     entries, there are no others. *)
  if filled > 1 then (
    t.is_odd <- filled land 1 = 1;
    t.next_entry <- 0;
    t.entries <- filled lsr 1)

(* A chunk of each kind. *)
let round t =
  if has_jobs t then run_jobs t 1;
  if not (has_entries t) then tick t;
  perform_entries t;
  raise_failure t

(* A chain of calls is served without going through the loop each time, while the turn lasts. *)
let rec drain t =
  round t;
  if Raw.goes_on (has_jobs t || has_entries t) then drain t

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
      List.iter (fun job -> quietly job Abandon) jobs;
      let rec tell_all () =
        let first = t.watches.after in
        if first != t.watches then (
          forget first;
          quietly first.tell gone;
          tell_all ())
      in
      tell_all ();
      let reject r = if not (Raw.Resolver.is_nobody r) then Raw.Resolver.reject r gone in
      (* They are not there for outcomes that a tick hands over whose task called [exit], which came
         back. *)
      Keyed.drain (quietly reject) t.calls)

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
  let even = Raw.Batch.create () and odd = Raw.Batch.create () in
  match Raw.executor_open id even odd with
  | Error why ->
      failwith
        (Printf.sprintf "Lwt_interop: domain %d cannot have an executor: %s" id why)
  | Ok (raw, wake_fd) ->
      let t =
        {
          wake_fd;
          handle = { id; raw; inbox = Mpsc.create () };
          thread = Thread.id (Thread.self ());
          calls = Keyed.create Raw.Resolver.nobody;
          waits = Keyed.create No_wait;
          todo = [];
          even;
          odd;
          is_odd = false;
          entries = 0;
          next_entry = 0;
          watches = ring ();
          failure = None;
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

(* For callers that know whose thread this is. *)
let mine () = match !(Dlwt_rt.get_eager key) with Running t -> t | _ -> executor ()

let while_alive w tell =
  w.tell <- tell;
  join (mine ()).watches w

(* ---- what Rust calls *)

let cancelled call =
  ignore (Keyed.take (mine ()).calls call : Raw.Resolver.t);
  Raw.cancel_call call

(* Rust calls it on the thread that owns the executor. *)
let pending call =
  let t = mine () in
  let p, u = Dlwt.keyed_task ~on_cancel:cancelled call in
  Keyed.set t.calls call (Raw.Resolver.make u);
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
  (* Rust looks at how it is made. *)
  Callback.register "lwt_interop.returned_42" (Lwt.return 42);
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
