external square_job : int -> int Lwt_unix.job = "test_square_job"

(* The number of a notification. In Lwt 6 its type is abstract. *)
external notify_from_thread : _ -> int = "test_notify_from_thread"

let square n = Lwt_unix.run_job (square_job n)

let notified () =
  let p, u = Lwt.wait () in
  let id = Lwt_unix.make_notification ~once:true (fun () -> Lwt.wakeup u ()) in
  match notify_from_thread id with 0 -> p | _ -> Lwt.fail_with "pthread_create"
