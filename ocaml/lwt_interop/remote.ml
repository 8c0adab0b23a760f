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
  mutable is_resolved : bool;
  caller_hook : Executor.Exit_hook.t;
  (* The target's. *)
  mutable stage : stage;
  mutable outcome : 'a Lwt.t;
  (* Why there is no promise. *)
  mutable raised : exn;
  target_hook : Executor.Exit_hook.t;
}

let no_promise = Lwt.fail Not_found
let target_terminated c = Error (Errors.Domain_terminated c.target.id)

(* ---- on the caller's domain *)

let resolve c result =
  c.is_resolved <- true;
  if Lwt.is_sleeping c.promise then Lwt.wakeup_later_result c.resolver result;
  Executor.Exit_hook.unregister c.caller_hook

(* ---- on the target's domain *)

let reply c result =
  let job = function Executor.Run -> resolve c result | Cancel -> () in
  (* If the caller's domain has terminated, there is nothing left to resolve. *)
  ignore (Executor.post c.caller job : bool);
  c.stage <- Replied;
  Executor.Exit_hook.unregister c.target_hook

let reply_value c v = reply c (Ok v)
let reply_error c e = reply c (Error e)

(* Lwt calls a callback once. *)
let on_value c v =
  Sys.opaque_identity (Uninterrupted.run2 (Executor.failure ()) reply_value c v)

let on_error c e =
  Sys.opaque_identity (Uninterrupted.run2 (Executor.failure ()) reply_error c e)

let watch c p =
  if c.stage <> Watched then (
    Executor.Exit_hook.register c.target_hook (fun terminated ->
        reply c (Error terminated));
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
      if c.stage = Not_started then start c;
      match c.stage with
      | Started | Watched -> proceed c
      | Not_started | Replied | Cancelled -> ())

let cancel c = function
  | Executor.Cancel -> ()
  | Run -> (
      match c.stage with
      | Not_started -> c.stage <- Cancelled
      | Started | Watched | Replied | Cancelled -> Lwt.cancel c.outcome)

let send_cancel c =
  ignore (Executor.post c.target (cancel c) : bool);
  Executor.Exit_hook.unregister c.caller_hook

(* ---- the call *)

(* A step of [Uninterrupted.run]. *)
let refuse c = resolve c (target_terminated c)

let spawn target work =
  let caller = Executor.current () in
  let promise, resolver = Lwt.task () in
  let c =
    {
      caller;
      target;
      work;
      promise;
      resolver;
      is_resolved = false;
      caller_hook = Executor.Exit_hook.create ();
      stage = Not_started;
      outcome = no_promise;
      raised = Not_found;
      target_hook = Executor.Exit_hook.create ();
    }
  in
  let run = run c in
  Lwt.on_cancel promise (fun () ->
      if not c.is_resolved then
        Sys.opaque_identity (Uninterrupted.run (Executor.failure ()) send_cancel c));
  Executor.Exit_hook.register c.caller_hook (fun terminated ->
      resolve c (Error terminated));
  match Executor.post target run with
  | true -> promise
  | false ->
      Uninterrupted.run (Executor.failure ()) refuse c;
      promise
  | exception e ->
      (* It has not been posted. *)
      Executor.Exit_hook.unregister c.caller_hook;
      raise e
