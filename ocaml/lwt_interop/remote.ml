(* Runs on the target. [reply] is called exactly once there: with the outcome, or with the news
   that the domain ends. *)
let run_here ~reply ~started f =
  let replied = ref false in
  let reply_once outcome =
    if not !replied then (
      replied := true;
      reply outcome)
  in
  let p = try f () with e -> Lwt.fail e in
  match Lwt.state p with
  | Lwt.Return v -> reply_once (Ok v)
  | Lwt.Fail e -> reply_once (Error e)
  | Lwt.Sleep -> (
      let forget = Executor.while_alive (fun gone -> reply_once (Error gone)) in
      let finish outcome =
        forget ();
        reply_once outcome
      in
      (* A promise of another domain refuses callbacks. *)
      match Lwt.on_any p (fun v -> finish (Ok v)) (fun e -> finish (Error e)) with
      | () -> started (fun () -> Lwt.cancel p)
      | exception e -> finish (Error e))

let spawn ?(settled = ignore) (target : Executor.handle) f =
  let home = Executor.current () in
  let p, u = Lwt.task () in
  (* Used at home only. *)
  let is_settled = ref false and forget = ref ignore in
  let settle_by how =
    if not !is_settled then (
      is_settled := true;
      !forget ();
      settled ();
      how ())
  in
  let settle outcome = settle_by (fun () -> Lwt.wakeup_later_result u outcome) in
  forget := Executor.while_alive (fun gone -> settle (Error gone));
  (* If home has ended, nobody waits any more. *)
  let reply outcome =
    ignore
      (Executor.post home { run = (fun () -> settle outcome); abandon = ignore } : bool)
  in
  let gone () = Error (Errors.Domain_terminated target.id) in
  (* Both are used on the target only. *)
  let cancelled = ref false and cancel_work = ref ignore in
  let run () =
    if not !cancelled then
      run_here ~reply ~started:(fun cancel -> cancel_work := cancel) f
  in
  if Executor.post target { run; abandon = (fun () -> reply (gone ())) } then
    Lwt.on_cancel p (fun () ->
        settle_by ignore;
        let run () =
          cancelled := true;
          !cancel_work ()
        in
        ignore (Executor.post target { run; abandon = ignore } : bool))
  else settle (gone ());
  p
