open Lwt.Syntax

exception Shut_down

type tokio = [ `Shared | `Own ]

(* ---- in a domain of the pool *)

(* The functions that a domain runs. Only that domain uses it, apart from [load]. *)
type service = {
  (* The number of functions that have been sent, or are about to be, and have not finished. *)
  load : int Atomic.t;
  (* Those that are pending, by number, as functions that cancel them. *)
  pending : (int, unit -> unit) Hashtbl.t;
  mutable next_number : int;
  (* The domain terminates once [load] is 0. *)
  mutable draining : bool;
  (* The domain's loop runs until this is fulfilled. *)
  stopped : unit Lwt.t;
  stop : unit Lwt.u;
}

let new_service load =
  let stopped, stop = Lwt.wait () in
  { load; pending = Hashtbl.create 16; next_number = 0; draining = false; stopped; stop }

let stop s = if Lwt.is_sleeping s.stopped then Lwt.wakeup_later s.stop ()
let stop_if_drained s = if s.draining && Atomic.get s.load = 0 then stop s

let drain s =
  s.draining <- true;
  stop_if_drained s

(* Has the loop of a domain call [f x], a step of [Uninterrupted.run]. *)
let post handle f x =
  let job = function Executor.Run -> f x | Cancel -> () in
  ignore (Executor.post (handle : Handle.t :> Executor.handle) job : bool)

(* A function that was counted in [load]. It is uncounted once, whatever exceptions arrive. *)
type 'a turn = {
  mutable is_counted : bool;
  (* Its key in [pending], or -1. *)
  mutable number : int;
  (* The promise that the function has returned, and [no_result] before. *)
  mutable result : 'a Lwt.t;
}

let no_result = Lwt.fail Not_found
let new_turn () = { is_counted = true; number = -1; result = no_result }

let uncount s turn =
  if turn.is_counted then (
    turn.is_counted <- false;
    Atomic.decr s.load)

(* A step of [Uninterrupted.run]. *)
let finish s turn =
  uncount s turn;
  stop_if_drained s;
  if turn.number >= 0 then Hashtbl.remove s.pending turn.number

let surely_finish s turn =
  Sys.opaque_identity (Uninterrupted.run2 (Executor.failure ()) finish s turn)

(* Only a pending function needs an entry: [cancel_all] is a job of this domain's loop, so it never
   runs while a function is on the stack. *)
let wait_for s turn =
  let p = turn.result in
  if turn.number < 0 then (
    turn.number <- s.next_number;
    s.next_number <- turn.number + 1);
  (* Without the memory for it, a deadline does not cancel this function. *)
  (try Hashtbl.replace s.pending turn.number (fun () -> Executor.cancel p)
   with Out_of_memory -> ());
  try Lwt.on_any p (fun _ -> surely_finish s turn) (fun _ -> surely_finish s turn)
  with Invalid_argument _ when not (Dlwt.is_owner p) ->
    (* It refuses callbacks, and [Remote] says so. *)
    finish s turn

(* A step of [Uninterrupted.run]. *)
let proceed s turn =
  if Lwt.is_sleeping turn.result then wait_for s turn else finish s turn

(* Nothing is allocated between the return of [f] and the moment in which its promise is stored. No tail call,
   so that nothing interrupts it outside of the handler: see [Uninterrupted]. *)
let serve s turn f =
  match turn.result <- f () with
  | () ->
      Uninterrupted.run2 (Executor.failure ()) proceed s turn;
      turn.result
  | exception e ->
      surely_finish s turn;
      Sys.opaque_identity (Lwt.fail e)

(* Functions that are still pending after [grace] seconds are abandoned: their domain terminates. A step
   of [Uninterrupted.run]. *)
let cancel_all s grace =
  drain s;
  let cancels = Hashtbl.fold (fun _ cancel all -> cancel :: all) s.pending [] in
  List.iter (fun cancel -> try cancel () with _ -> ()) cancels;
  if Lwt.is_sleeping s.stopped then
    Lwt.on_success (Lwt_unix.sleep grace) (fun () ->
        Sys.opaque_identity (Uninterrupted.run (Executor.failure ()) stop s))

(* ---- the pool *)

type worker = {
  domain : unit Domain.t;
  handle : Handle.t;
  (* [service.load], by which [spawn] chooses. Senders read it here, because the domain keeps writing
     to the record [service]. *)
  load : int Atomic.t;
  service : service;
  (* A promise of the domain that created the pool. *)
  terminated : unit Lwt.t;
}

(* The settings of a pool, which each of its domains gets. *)
type settings = { minor_heap : int option; tokio : tokio }

type t = {
  workers : worker Atomic.t array;
  settings : settings;
  is_shut : bool Atomic.t;
  (* Workers that have been replaced and have not terminated. Only the domain that created the pool
     uses it. *)
  mutable retiring : worker list;
  (* The promise of the first call of [shutdown]. Only the same domain uses it. *)
  mutable shutdown : unit Lwt.t option;
}

(* A value for which another domain waits without a loop. *)
module Once = struct
  type 'a t = { mutex : Mutex.t; filled : Condition.t; mutable value : 'a option }

  let create () = { mutex = Mutex.create (); filled = Condition.create (); value = None }

  (* May be called again: the first value counts. *)
  let fill t v =
    Mutex.protect t.mutex (fun () ->
        if Option.is_none t.value then t.value <- Some v;
        Condition.signal t.filled)

  let wait t =
    Mutex.protect t.mutex (fun () ->
        let rec go () =
          match t.value with
          | Some v -> v
          | None ->
              Condition.wait t.filled t.mutex;
              go ()
        in
        go ())
end

(* ---- minor heaps *)

let set_minor_heap words = Gc.set { (Gc.get ()) with minor_heap_size = words }

(* OCaml's own default. *)
let ocaml_minor_heap = 1 lsl 18

(* A minor collection stops all domains, and wakes those that sleep, so it should be rare: see
   doc/performance.md, which has the measurements. *)
let largest_minor_heap = 1 lsl 21

(* The minor heaps of a pool have at most 256 MB together, and a sixteenth of the memory. *)
let all_minor_heaps = 1 lsl 28
let part_of_memory = 16

(* OCaml's parameter of this letter, if the environment sets it. *)
let parameter letter =
  let all =
    match Sys.getenv_opt "OCAMLRUNPARAM" with
    | Some all -> all
    | None -> Option.value (Sys.getenv_opt "CAMLRUNPARAM") ~default:""
  in
  let value setting =
    if String.starts_with ~prefix:(letter ^ "=") setting then
      Some (String.sub setting 2 (String.length setting - 2))
    else None
  in
  List.find_map value (String.split_on_char ',' all)

(* OCaml reserves addresses for the minor heaps of as many domains as it allows, and ends the process
   if there are too few. *)
let reserved_domains () =
  Int.max 128 (Option.value (Option.bind (parameter "d") int_of_string_opt) ~default:0)

let part_of_addresses = 8

(* In words. *)
let minor_heap_within (limit : Memory_limit.t) ~domains =
  let bytes_each =
    Int.min
      (Int.min all_minor_heaps (limit.memory / part_of_memory) / domains)
      (limit.address_space / part_of_addresses / reserved_domains ())
  in
  Int.max ocaml_minor_heap (Int.min largest_minor_heap (bytes_each / 8))

(* In words: the size that [run] has chosen for the calling domain. *)
let minor_heap_of_run = Domain.DLS.new_key (fun () -> ocaml_minor_heap)

(* [None] is what a new domain has. *)
let default_minor_heap ~domains =
  if Option.is_some (parameter "s") then None
  else
    let here = (Gc.get ()).minor_heap_size in
    let is_default = here = ocaml_minor_heap || here = Domain.DLS.get minor_heap_of_run in
    Some (if is_default then minor_heap_within (Memory_limit.read ()) ~domains else here)

(* ---- starting *)

(* The start of a domain, as its creator sees it. *)
type start = {
  spawned : unit Domain.t;
  (* [true] if the domain may serve, and [false] if it has to end: an exception may keep its creator
     from learning of it. The domain waits for this. *)
  permit : bool Once.t;
  report : (Handle.t * service, exn) result Once.t;
  start_load : int Atomic.t;
  start_terminated : unit Lwt.t;
  keep : worker -> unit;
  mutable error : exn option;
}

(* A step of [Uninterrupted.run]. *)
let finish_start s =
  Once.fill s.permit true;
  match Once.wait s.report with
  | Ok (handle, service) ->
      s.keep
        {
          domain = s.spawned;
          handle;
          load = s.start_load;
          service;
          terminated = s.start_terminated;
        }
  | Error e -> s.error <- Some e

(* Starts a domain, and calls the step [keep worker] when it runs. An exception that arrives once the
   domain may serve does not leave [start]: no one could terminate that domain. The loop raises it. *)
let start settings keep =
  let creator = Handle.current () in
  let failure = Executor.failure () in
  let terminated, resolver = Lwt.wait () in
  let load = Atomic.make_contended 0 in
  let permit = Once.create () and report = Once.create () in
  let is_started = ref false and start_failure = Uninterrupted.failure () in
  let report_start handle service =
    Once.fill report (Ok (handle, service));
    is_started := true
  in
  let report_error e = Once.fill report (Error e) in
  let wake () = if Lwt.is_sleeping terminated then Lwt.wakeup_later resolver () in
  let serve () =
    Option.iter set_minor_heap settings.minor_heap;
    if settings.tokio = `Own then Executor.own_tokio ();
    let handle = Handle.current () in
    let service = new_service load in
    (* The first iteration of the loop acquires the last resources that it needs. *)
    Lwt.on_success (Lwt.pause ()) (fun () ->
        Sys.opaque_identity
          (Uninterrupted.run2 (Executor.failure ()) report_start handle service));
    Lwt_main.run service.stopped
  in
  (* After the results that the domain has sent, in the same queue. *)
  let post_end () = post creator wake () in
  let thread_ended =
    Dlwt_mailbox.make ~once:true (fun () ->
        Sys.opaque_identity (Uninterrupted.run (Executor.failure ()) post_end ()))
  in
  (* The creator waits for a report, so nothing here can be interrupted outside of a handler. *)
  let body unblock_signals =
    Dlwt_mailbox.send_at_thread_end thread_ended;
    if Uninterrupted.get start_failure Once.wait permit then
      try
        unblock_signals ();
        serve ()
      with e when not !is_started ->
        Sys.opaque_identity (Uninterrupted.run start_failure report_error e)
  in
  let refuse_start () =
    Once.fill permit false;
    Dlwt_mailbox.stop thread_ended
  in
  (* No tail call in the domain, before which OCaml would poll. *)
  let spawn unblock_signals =
    try Domain.spawn (fun () -> Sys.opaque_identity (body unblock_signals))
    with
    (* Since OCaml 5.4, it is [Sys_error] if the operating system has no thread left. *)
    | Failure why | Sys_error why ->
      failwith
        (Printf.sprintf
           "Lwt_interop.Pool: OCaml refuses another domain: %s. It allows 128 at a time; \
            OCAMLRUNPARAM=d=N allows N"
           why)
  in
  match
    let domain = Dlwt_signal_mask.with_all_blocked_until spawn in
    {
      spawned = domain;
      permit;
      report;
      start_load = load;
      start_terminated = terminated;
      keep;
      error = None;
    }
  with
  | exception e ->
      (* There may be a domain nevertheless. *)
      let bt = Printexc.get_raw_backtrace () in
      Uninterrupted.run failure refuse_start ();
      Printexc.raise_with_backtrace e bt
  | s -> (
      Uninterrupted.run failure finish_start s;
      match s.error with
      | None -> ()
      | Some e ->
          Domain.join s.spawned;
          raise e)

(* Terminates domains that have received no work, and blocks until they have terminated. A step of
   [Uninterrupted.run]. *)
let stop_all workers =
  List.iter (fun w -> post w.handle drain w.service) workers;
  List.iter (fun w -> Domain.join w.domain) workers

let settings ?domains ?minor_heap tokio =
  let domains =
    match domains with Some n -> n | None -> Domain.recommended_domain_count ()
  in
  let at_least_one what n =
    if n < 1 then
      invalid_arg
        (Printf.sprintf "Lwt_interop.Pool.create: %s is %d, and must be at least 1" what n)
  in
  at_least_one "domains" domains;
  Option.iter (at_least_one "minor_heap") minor_heap;
  let minor_heap =
    match minor_heap with Some _ -> minor_heap | None -> default_minor_heap ~domains
  in
  (domains, { minor_heap; tokio })

let create_with n settings =
  let started = ref [] and failure = Uninterrupted.failure () in
  try
    for _ = 1 to n do
      (* It may be called again, with another record. *)
      let others = !started in
      start settings (fun worker -> started := worker :: others)
    done;
    let workers = Array.map Atomic.make (Array.of_list (List.rev !started)) in
    { workers; settings; is_shut = Atomic.make false; retiring = []; shutdown = None }
  with e ->
    let bt = Printexc.get_raw_backtrace () in
    Uninterrupted.run failure stop_all !started;
    Printexc.raise_with_backtrace e bt

let create ?domains ?minor_heap ?(tokio = `Shared) () =
  let n, settings = settings ?domains ?minor_heap tokio in
  create_with n settings

let size t = Array.length t.workers

let slot t i =
  if i < 0 || i >= size t then
    invalid_arg
      (Printf.sprintf "Lwt_interop.Pool: there is no domain %d in a pool of %d" i (size t));
  t.workers.(i)

let handle t i = (Atomic.get (slot t i)).handle

(* Takes back a function that was counted and will not be sent. The domain may have begun to drain
   meanwhile, and wait for it. *)
let withdraw_once worker turn =
  uncount worker.service turn;
  post worker.handle stop_if_drained worker.service

let withdraw worker turn =
  Sys.opaque_identity (Uninterrupted.run2 (Executor.failure ()) withdraw_once worker turn)

let rec send t slot f =
  if Atomic.get t.is_shut then Lwt.fail Shut_down
  else
    let worker = Atomic.get slot in
    let turn = new_turn () in
    Atomic.incr worker.load;
    (* [replace] and [shutdown] first change the slot or [is_shut], and then have the worker drained.
       If neither has changed at this point, the worker drains after this function was counted, and
       so waits for it. *)
    if Atomic.get slot == worker && not (Atomic.get t.is_shut) then (
      try
        Remote.spawn
          ~unstarted:(fun () -> finish worker.service turn)
          (worker.handle :> Executor.handle)
          (fun () -> serve worker.service turn f)
      with e ->
        (* The calling thread runs no loop, or its domain is terminating. *)
        withdraw worker turn;
        raise e)
    else (
      withdraw worker turn;
      send t slot f)

let spawn_on t i f = send t (slot t i) f

let spawn t f =
  let load slot = Atomic.get (Atomic.get slot).load in
  let least best slot = if load slot < load best then slot else best in
  send t (Array.fold_left least t.workers.(0) t.workers) f

let map t f l = Lwt.all (List.map (Lwt.apply (fun x -> spawn t (fun () -> f x))) l)
let all t = t.retiring @ List.map Atomic.get (Array.to_list t.workers)
let post_all t f = List.iter (fun w -> post w.handle f w.service) (all t)

let join t worker =
  let+ () = worker.terminated in
  t.retiring <- List.filter (( != ) worker) t.retiring;
  (* Its thread has ended, so this does not wait. *)
  Domain.join worker.domain

let post_drain worker = post worker.handle drain worker.service

let retire t worker =
  Uninterrupted.run (Executor.failure ()) post_drain worker;
  join t worker

let replace t i hand_over =
  let slot = slot t i in
  if Atomic.get t.is_shut then Lwt.fail Shut_down
  else
    let old = Atomic.get slot in
    (* It may be called again, with another record. *)
    let keep fresh =
      if Atomic.get slot == old then (
        t.retiring <- old :: t.retiring;
        Atomic.set slot fresh)
    in
    match start t.settings keep with
    | exception e -> Lwt.fail e
    | () ->
        Lwt.no_cancel
          (Lwt.finalize (fun () -> hand_over old.handle) (fun () -> retire t old))

let shut_down t =
  Atomic.set t.is_shut true;
  Lwt.join (List.map (retire t) (all t))

let shutdown ?deadline ?(grace = 1.) t =
  let check what seconds =
    if not (seconds >= 0.) then
      invalid_arg
        (Printf.sprintf
           "Lwt_interop.Pool.shutdown: %s is %g seconds, and must be at least 0" what
           seconds)
  in
  Option.iter (check "deadline") deadline;
  check "grace" grace;
  let p =
    match t.shutdown with
    | Some p -> p
    | None ->
        let p = shut_down t in
        t.shutdown <- Some p;
        p
  in
  let cancel_after seconds =
    let timer = Lwt_unix.sleep seconds in
    let cancel_all s = cancel_all s grace in
    Lwt.on_success timer (fun () ->
        Sys.opaque_identity
          (Uninterrupted.run2 (Executor.failure ()) post_all t cancel_all));
    Lwt.on_termination p (fun () -> Lwt.cancel timer)
  in
  if Lwt.is_sleeping p then Option.iter cancel_after deadline;
  (* Each caller may cancel its wait. *)
  Lwt.protected p

(* ---- the program's pool *)

let current : t option Atomic.t = Atomic.make None

let default () =
  match Atomic.get current with
  | Some pool -> pool
  | None ->
      invalid_arg
        "Lwt_interop.Pool.default: there is no pool. Call it within Lwt_interop.run, or \
         pass on a pool of your own"

(* An interrupted [run] leaves its main function to the loop of the next one, which has another pool. *)
let forget pool =
  match Atomic.get current with
  | Some p when p == pool -> Atomic.set current None
  | Some _ | None -> ()

(* If an exception interrupts the loop, the pool's domains terminate once their functions have finished,
   and no one waits for that. A step of [Uninterrupted.run]. *)
let abandon pool =
  forget pool;
  Atomic.set pool.is_shut true;
  post_all pool drain

(* Its collections stop the pool's domains, too. *)
let with_minor_heap ~is_default settings f =
  match settings.minor_heap with
  | None -> f ()
  | Some words -> (
      let before = (Gc.get ()).minor_heap_size in
      let before_of_run = Domain.DLS.get minor_heap_of_run in
      let failure = Uninterrupted.failure () in
      let restore () =
        set_minor_heap before;
        Domain.DLS.set minor_heap_of_run before_of_run
      in
      match
        if is_default then Domain.DLS.set minor_heap_of_run words;
        set_minor_heap words;
        f ()
      with
      | result ->
          Uninterrupted.run failure restore ();
          Uninterrupted.raise_any failure;
          result
      | exception e ->
          let bt = Printexc.get_raw_backtrace () in
          Uninterrupted.run failure restore ();
          Printexc.raise_with_backtrace e bt)

let run ?domains ?minor_heap ?(tokio = `Shared) main =
  let busy () =
    invalid_arg
      "Lwt_interop.run: another Lwt_interop.run has not returned. Use its pool, \
       Lwt_interop.Pool.default, or create another one"
  in
  if Option.is_some (Atomic.get current) then busy ();
  let n, settings = settings ?domains ?minor_heap tokio in
  if tokio = `Own then Executor.own_tokio ();
  with_minor_heap ~is_default:(Option.is_none minor_heap) settings @@ fun () ->
  let pool = create_with n settings in
  try
    if not (Atomic.compare_and_set current None (Some pool)) then (
      (* Another domain has called [run] since. *)
      stop_all (all pool);
      busy ());
    let finish () =
      forget pool;
      shutdown pool
    in
    Lwt_main.run (Lwt.finalize main finish)
  with e ->
    let bt = Printexc.get_raw_backtrace () in
    Uninterrupted.run (Executor.failure ()) abandon pool;
    Printexc.raise_with_backtrace e bt
