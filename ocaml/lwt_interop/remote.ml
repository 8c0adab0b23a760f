type stage =
  | Not_started
  | Under_way of (unit -> unit)  (** what cancels it *)
  | Not_wanted

(* Home and the target each have their own part. *)
type 'a call = {
  home : Executor.handle;
  target : Executor.handle;
  work : unit -> 'a Lwt.t;
  (* Home's. *)
  resolver : 'a Lwt.u;
  mutable is_settled : bool;
  watch : Executor.watch;
  (* The target's. *)
  mutable stage : stage;
}

let gone c = Error (Errors.Domain_terminated c.target.id)

(* ---- at home *)

let is_over c =
  c.is_settled
  || begin
       c.is_settled <- true;
       Executor.forget c.watch;
       false
     end

let settle c outcome = if not (is_over c) then Lwt.wakeup_later_result c.resolver outcome

(* ---- on the target *)

(* If home has ended, nobody waits any more. *)
let reply c outcome =
  let settle = function Executor.Deliver -> settle c outcome | Abandon -> () in
  ignore (Executor.post c.home settle : bool)

(* Replies once: with the outcome, or with the news that the domain ends. *)
let start c =
  let p = try c.work () with e -> Lwt.fail e in
  match Lwt.state p with
  | Lwt.Return v -> reply c (Ok v)
  | Lwt.Fail e -> reply c (Error e)
  | Lwt.Sleep -> (
      let replied = ref false in
      let reply_once outcome =
        if not !replied then (
          replied := true;
          reply c outcome)
      in
      let watch = Executor.watch () in
      Executor.while_alive watch (fun gone -> reply_once (Error gone));
      let finish outcome =
        Executor.forget watch;
        reply_once outcome
      in
      (* A promise of another domain refuses callbacks. *)
      match Lwt.on_any p (fun v -> finish (Ok v)) (fun e -> finish (Error e)) with
      | () -> c.stage <- Under_way (fun () -> Lwt.cancel p)
      | exception e -> finish (Error e))

let run c = function
  | Executor.Abandon -> reply c (gone c)
  | Deliver -> (
      match c.stage with Not_started -> start c | Under_way _ | Not_wanted -> ())

let stop c = function
  | Executor.Abandon -> ()
  | Deliver -> (
      match c.stage with
      | Under_way cancel -> cancel ()
      | Not_started | Not_wanted -> c.stage <- Not_wanted)

let spawn target work =
  let home = Executor.current () in
  let p, resolver = Lwt.task () in
  let c =
    {
      home;
      target;
      work;
      resolver;
      is_settled = false;
      watch = Executor.watch ();
      stage = Not_started;
    }
  in
  Executor.while_alive c.watch (fun gone -> settle c (Error gone));
  if Executor.post target (run c) then
    Lwt.on_cancel p (fun () ->
        if not (is_over c) then ignore (Executor.post target (stop c) : bool))
  else settle c (gone c);
  p
