(* The state of a call on the domain that runs it, the target. *)
type stage =
  | Not_started
  | Started
  | Watched  (** Its promise is pending, and has callbacks that send the reply. *)
  | Replied
  | Cancelled

(* The caller's domain uses some fields only, and the target's domain the others. Exceptions may
   arrive at any point: what happens on either side is a step of [Uninterrupted.run]. A reply that
   is sent twice does no harm. *)
type 'a call = {
  caller : Executor.handle;
  target : Executor.handle;
  work : unit -> 'a Lwt.t;
  (* The caller's. *)
  promise : 'a Lwt.t;
  resolver : 'a Lwt.u;
  (* Among the caller's calls, or -1 once the promise is resolved. *)
  mutable key : int;
  (* Set by the caller, and read by the target before it starts [work]. *)
  is_cancelled : bool Atomic.t;
  (* The target's. *)
  unstarted : unit -> unit;
  mutable stage : stage;
  mutable outcome : 'a Lwt.t;
  (* Why there is no promise. *)
  mutable raised : exn;
  mutable target_hook : Executor.Exit_hook.t;
}

type any_call = No_call | Call : 'a call -> any_call

let no_promise = Lwt.fail Not_found
let target_terminated c = Error (Errors.Domain_terminated c.target.id)

(* ---- on the caller's domain *)

(* The pending calls of a domain. *)
type own = {
  calls : any_call Slab.t;
  (* The exit hook that rejects the calls when the domain terminates is registered. *)
  mutable has_hook : bool;
  (* The exit hook has run: a later call fails at once. *)
  mutable is_closed : bool;
}

let own_key : own Dlwt_rt.eager_key =
  Dlwt_rt.eager_key (fun () ->
      { calls = Slab.create No_call; has_hook = false; is_closed = false })

(* Nothing polls once the key is taken from the call. *)
let forget c =
  let calls = (Dlwt_rt.get_eager own_key).calls in
  let key = c.key in
  if key >= 0 then (
    c.key <- -1;
    Slab.release calls key)

let resolve c result =
  if Lwt.is_sleeping c.promise then Lwt.wakeup_later_result c.resolver result;
  forget c

(* ---- on the target's domain *)

let reply c result =
  let job = function Executor.Run -> resolve c result | Cancel -> () in
  (* If the caller's domain has terminated, there is nothing left to resolve. *)
  ignore (Executor.post c.caller job : bool);
  if c.stage = Watched then Executor.Exit_hook.unregister c.target_hook;
  c.stage <- Replied

let reply_value c v = reply c (Ok v)
let reply_error c e = reply c (Error e)

(* Lwt calls a callback once. *)
let on_value c v =
  Sys.opaque_identity (Uninterrupted.run2 (Executor.failure ()) reply_value c v)

let on_error c e =
  Sys.opaque_identity (Uninterrupted.run2 (Executor.failure ()) reply_error c e)

let watch c p =
  if c.stage <> Watched then (
    let hook = Executor.Exit_hook.create () in
    Executor.Exit_hook.register hook (fun terminated -> reply c (Error terminated));
    c.target_hook <- hook;
    c.stage <- Watched);
  (* No partial applications: OCaml polls when it calls them. *)
  match Lwt.on_any p (fun v -> on_value c v) (fun e -> on_error c e) with
  | () -> ()
  | exception (Invalid_argument _ as e) ->
      (* [p] belongs to another domain, and refuses callbacks. *)
      reply c (Error e)

(* Nothing is allocated between the return of [work] and the moment in which its promise is stored. *)
let start c =
  c.stage <- Started;
  try c.outcome <- c.work () with e -> c.raised <- e

let proceed c =
  if c.outcome == no_promise then reply c (Error c.raised)
  else
    match Lwt.state c.outcome with
    | Lwt.Return v -> reply c (Ok v)
    | Lwt.Fail e -> reply c (Error e)
    | Lwt.Sleep -> watch c c.outcome

let run c = function
  | Executor.Cancel -> reply c (target_terminated c)
  | Run -> (
      if c.stage = Not_started then
        if Atomic.get c.is_cancelled then (
          c.unstarted ();
          c.stage <- Cancelled)
        else start c;
      match c.stage with
      | Started | Watched -> proceed c
      | Not_started | Replied | Cancelled -> ())

let cancel c = function
  | Executor.Cancel -> ()
  | Run -> (
      match c.stage with
      | Started | Watched | Replied -> Executor.cancel c.outcome
      | Not_started | Cancelled -> ())

(* ---- the call *)

let send_cancel c =
  Atomic.set c.is_cancelled true;
  ignore (Executor.post c.target (fun fate -> cancel c fate) : bool);
  forget c

(* A step of [Uninterrupted.run]. Lwt may be interrupted after it has cancelled a promise, and call this
   later. By then another call may have the key, whose promise is pending. *)
let cancel_key key =
  match Slab.get (Dlwt_rt.get_eager own_key).calls key with
  | Call c when not (Lwt.is_sleeping c.promise) -> send_cancel c
  | Call _ | No_call -> ()

let on_cancel key =
  Sys.opaque_identity (Uninterrupted.run (Executor.failure ()) cancel_key key)

(* A step of [Uninterrupted.run]. *)
let reject_all own terminated =
  let reject = function
    | No_call -> ()
    | Call c -> Uninterrupted.run2 (Executor.failure ()) resolve c (Error terminated)
  in
  own.is_closed <- true;
  Slab.iter reject own.calls

let own () =
  let own = Dlwt_rt.get_eager own_key in
  if not own.has_hook then (
    (* A signal handler may add another one meanwhile, which does no harm. *)
    let hook = Executor.Exit_hook.create () in
    Executor.Exit_hook.register hook (fun terminated -> reject_all own terminated);
    own.has_hook <- true);
  own

(* A step of [Uninterrupted.run]. *)
let refuse c = resolve c (target_terminated c)

let spawn ?(unstarted = ignore) target work =
  let caller = Executor.current () in
  let own = own () in
  let key = Slab.take_key own.calls in
  match
    let promise, resolver = Dlwt.keyed_task ~on_cancel key in
    {
      caller;
      target;
      work;
      promise;
      resolver;
      key;
      is_cancelled = Atomic.make false;
      unstarted;
      stage = Not_started;
      outcome = no_promise;
      raised = Not_found;
      target_hook = Executor.Exit_hook.none;
    }
  with
  | exception e ->
      Slab.release own.calls key;
      raise e
  | c -> (
      match
        let run fate = run c fate in
        Slab.set own.calls key (Call c);
        (* A signal handler may have called [exit] meanwhile, and a function of [at_exit] may have raised. *)
        if own.is_closed then raise (Errors.Domain_terminated caller.id);
        Executor.post target run
      with
      | true -> c.promise
      | false ->
          Uninterrupted.run (Executor.failure ()) refuse c;
          c.promise
      | exception e ->
          (* It has not been posted. *)
          Sys.opaque_identity (Uninterrupted.run (Executor.failure ()) forget c);
          raise e)
