(* The state of a call on the domain that runs it, the target. *)
type stage =
  | Not_started
  | Pending of (unit -> unit)  (** The function cancels its promise. *)
  | Cancelled

(* The caller's domain uses some fields only, and the target's domain the others. *)
type 'a call = {
  caller : Executor.handle;
  target : Executor.handle;
  work : unit -> 'a Lwt.t;
  (* The caller's. *)
  resolver : 'a Lwt.u;
  mutable is_resolved : bool;
  exit_hook : Executor.Exit_hook.t;
  (* The target's. *)
  mutable stage : stage;
}

let target_terminated c = Error (Errors.Domain_terminated c.target.id)

(* ---- on the caller's domain *)

(* Returns [true] to the first of several that want to resolve the promise. *)
let is_first c =
  (not c.is_resolved)
  && begin
       c.is_resolved <- true;
       Executor.Exit_hook.unregister c.exit_hook;
       true
     end

let resolve c result = if is_first c then Lwt.wakeup_later_result c.resolver result

(* ---- on the target's domain *)

let reply c result =
  let job = function Executor.Run -> resolve c result | Cancel -> () in
  (* If the caller's domain has terminated, there is nothing left to resolve. *)
  ignore (Executor.post c.caller job : bool)

let start c =
  let p = try c.work () with e -> Lwt.fail e in
  match Lwt.state p with
  | Lwt.Return v -> reply c (Ok v)
  | Lwt.Fail e -> reply c (Error e)
  | Lwt.Sleep -> (
      let replied = ref false in
      let reply_once result =
        if not !replied then (
          replied := true;
          reply c result)
      in
      let exit_hook = Executor.Exit_hook.create () in
      Executor.Exit_hook.register exit_hook (fun terminated ->
          reply_once (Error terminated));
      let finish result =
        Executor.Exit_hook.unregister exit_hook;
        reply_once result
      in
      match Lwt.on_any p (fun v -> finish (Ok v)) (fun e -> finish (Error e)) with
      | () -> c.stage <- Pending (fun () -> Lwt.cancel p)
      | exception e ->
          (* [p] belongs to another domain, and refuses callbacks. *)
          finish (Error e))

let run c = function
  | Executor.Cancel -> reply c (target_terminated c)
  | Run -> ( match c.stage with Not_started -> start c | Pending _ | Cancelled -> ())

let cancel c = function
  | Executor.Cancel -> ()
  | Run -> (
      match c.stage with
      | Pending cancel -> cancel ()
      | Not_started | Cancelled -> c.stage <- Cancelled)

(* ---- the call *)

let spawn target work =
  let caller = Executor.current () in
  let p, resolver = Lwt.task () in
  let c =
    {
      caller;
      target;
      work;
      resolver;
      is_resolved = false;
      exit_hook = Executor.Exit_hook.create ();
      stage = Not_started;
    }
  in
  Executor.Exit_hook.register c.exit_hook (fun terminated -> resolve c (Error terminated));
  if Executor.post target (run c) then
    Lwt.on_cancel p (fun () ->
        if is_first c then ignore (Executor.post target (cancel c) : bool))
  else resolve c (target_terminated c);
  p
