(* A job is [Ready] until a thread takes it or its caller does not want it any more. *)
type stage = Ready of (unit -> unit) | Gone

type job = {
  mutable stage : stage;
  (* Tells the caller that there is a place in the queue for the job. *)
  mutable admit : unit -> unit;
}

(* How many jobs wait for a thread before [submit] waits. Rust's own have as many places, in
   runtime/src/blocking.rs. *)
let places = 256

(* Jobs with a place, and those that wait for one. The lane's threads take them, in Domain 0; the
   lane is told once for each. *)
let mutex = Mutex.create ()
let queue : job Queue.t = Queue.create ()
let outside : job Queue.t = Queue.create ()

(* With the lock held. Returns what tells the callers of the jobs that have got a place. *)
let rec fill admitted =
  if Queue.length queue < places && not (Queue.is_empty outside) then (
    let job = Queue.take outside in
    match job.stage with
    | Gone -> fill admitted
    | Ready _ ->
        Queue.add job queue;
        fill (job.admit :: admitted))
  else admitted

let rec take () =
  match Queue.take_opt queue with
  | None -> None
  | Some { stage = Gone; _ } -> take ()
  | Some ({ stage = Ready work; _ } as job) ->
      job.stage <- Gone;
      Some work

let next () =
  let work, admitted =
    Mutex.protect mutex (fun () ->
        let work = take () in
        (work, fill []))
  in
  List.iter (fun admit -> admit ()) admitted;
  Option.iter (fun work -> work ()) work

let () = Callback.register "lwt_interop.blocking_next" next

let drop job =
  Mutex.protect mutex (fun () ->
      job.stage <- Gone;
      job.admit <- ignore)

(* The job, and the promise of its outcome. *)
let prepare home f =
  let p, u = Lwt.task () in
  let forget = ref ignore in
  let settle outcome () =
    if Lwt.is_sleeping p then (
      !forget ();
      Lwt.wakeup_later_result u outcome)
  in
  let work () =
    let outcome = try Ok (f ()) with e -> Error e in
    ignore (Executor.post home { run = settle outcome; abandon = ignore } : bool)
  in
  let job = { stage = Ready work; admit = ignore } in
  forget :=
    Executor.while_alive (fun gone ->
        drop job;
        settle (Error gone) ());
  Lwt.on_cancel p (fun () ->
      drop job;
      !forget ());
  let refuse () =
    drop job;
    settle (Error (Failure "Lwt_interop.Blocking: no thread could be started")) ()
  in
  (job, p, refuse)

(* Whether there was a place at once. *)
let enter job =
  Mutex.protect mutex (fun () ->
      let free = Queue.length queue < places in
      Queue.add job (if free then queue else outside);
      free)

let run f =
  let job, p, refuse = prepare (Executor.current ()) f in
  ignore (enter job : bool);
  if not (Raw.lane_submit ()) then refuse ();
  p

let submit f =
  let home = Executor.current () in
  let job, p, refuse = prepare home f in
  let admitted, u = Lwt.task () in
  let admit () = if Lwt.is_sleeping admitted then Lwt.wakeup_later u p in
  job.admit <-
    (fun () -> ignore (Executor.post home { run = admit; abandon = ignore } : bool));
  Lwt.on_cancel admitted (fun () -> Lwt.cancel p);
  (* The domain may end first. *)
  Lwt.on_termination p admit;
  let free = enter job in
  if not (Raw.lane_submit ()) then refuse () else if free then admit ();
  admitted

let try_submit f =
  let home = Executor.current () in
  let full = Mutex.protect mutex (fun () -> Queue.length queue >= places) in
  if full then None
  else
    let job, p, refuse = prepare home f in
    ignore (enter job : bool);
    if not (Raw.lane_submit ()) then refuse ();
    Some p
