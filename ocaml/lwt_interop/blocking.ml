(* Whether there was still something to run. *)
type job = unit -> bool

(* The lane's threads take these, in Domain 0. *)
let mutex = Mutex.create ()
let queue : job Queue.t = Queue.create ()

(* The lane was told once for each job that it accepted; the others are in the queue for nobody. *)
let rec next () =
  match Mutex.protect mutex (fun () -> Queue.take_opt queue) with
  | Some job -> if not (job ()) then next ()
  | None -> ()

let () = Callback.register "lwt_interop.blocking_next" next

let run f =
  let home = Executor.current () in
  let p, u = Lwt.task () in
  let cancelled = Atomic.make false in
  let job () =
    (not (Atomic.get cancelled))
    && begin
         let outcome = try Ok (f ()) with e -> Error e in
         let settle () = Lwt.wakeup_later_result u outcome in
         ignore (Executor.post home { run = settle; abandon = ignore } : bool);
         true
       end
  in
  Lwt.on_cancel p (fun () -> Atomic.set cancelled true);
  Mutex.protect mutex (fun () -> Queue.add job queue);
  if not (Raw.lane_submit ()) then (
    Atomic.set cancelled true;
    Lwt.wakeup_later_exn u
      (Failure "Lwt_interop.Blocking.run: no thread could be started"));
  p
