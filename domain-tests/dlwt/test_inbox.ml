(* Inboxes, and domains whose outcome is a promise. *)

open Support
open Lwt.Infix
open Lwt.Syntax

let run promise = Lwt_main.run (Lwt_unix.with_timeout patience (fun () -> promise ()))

let all inbox =
  let received = ref [] in
  let* () =
    Dlwt_inbox.iter
      (fun value ->
        received := value :: !received;
        Lwt.return_unit)
      inbox
  in
  Lwt.return (List.rev !received)

let many_senders capacity () =
  let senders = 3 and each = 2000 in
  run (fun () ->
      let inbox = Dlwt_inbox.create ?capacity () in
      let received = Dlwt_domain.spawn (fun () -> all inbox) in
      let sender number () =
        Lwt_list.iter_s
          (fun n -> Dlwt_inbox.send inbox (number, n))
          (List.init each Fun.id)
      in
      let* () = Lwt.join (List.init senders (fun n -> Dlwt_domain.spawn (sender n))) in
      Dlwt_inbox.close inbox;
      let* received = received in
      for number = 0 to senders - 1 do
        let values =
          List.filter_map (fun (n, v) -> if n = number then Some v else None) received
        in
        check "the values of one sender, in order" (values = List.init each Fun.id)
      done;
      Lwt.return_unit)

let ping_pong () =
  let rounds = 3000 in
  run (fun () ->
      let there = Dlwt_inbox.create () and back = Dlwt_inbox.create ~capacity:1 () in
      let echo =
        Dlwt_domain.spawn (fun () -> Dlwt_inbox.iter (Dlwt_inbox.send back) there)
      in
      let rec round n =
        if n = rounds then Lwt.return_unit
        else
          let* () = Dlwt_inbox.send there n in
          let* answer = Dlwt_inbox.receive back in
          check "the answer" (answer = Some n);
          round (n + 1)
      in
      let* () = round 0 in
      Dlwt_inbox.close there;
      echo)

let back_pressure () =
  run (fun () ->
      let inbox = Dlwt_inbox.create ~capacity:2 () in
      check "room" (Dlwt_inbox.post inbox 1 = `Sent);
      let* () = Dlwt_inbox.send inbox 2 in
      check "no room" (Dlwt_inbox.post inbox 3 = `Full);
      let third = Dlwt_inbox.send inbox 3 and fourth = Dlwt_inbox.send inbox 4 in
      let* () = Lwt_unix.sleep 0.01 in
      check "senders wait" (Lwt.is_sleeping third && Lwt.is_sleeping fourth);
      let* first = Dlwt_inbox.receive inbox in
      check "the first" (first = Some 1);
      let* () = third in
      check "the fourth still waits" (Lwt.is_sleeping fourth);
      check "no overtaking" (Dlwt_inbox.post inbox 5 = `Full);
      check "length" (Dlwt_inbox.length inbox = 2);
      let* values = Lwt_list.map_s (fun _ -> Dlwt_inbox.receive inbox) [ (); (); () ] in
      check "the others" (values = [ Some 2; Some 3; Some 4 ]);
      fourth)

let cancelled () =
  run (fun () ->
      let inbox = Dlwt_inbox.create ~capacity:1 () in
      let receiver = Dlwt_inbox.receive inbox in
      let later = Dlwt_inbox.receive inbox in
      Lwt.cancel receiver;
      let* () = Dlwt_inbox.send inbox 1 in
      let* value = later in
      check "a cancelled receiver has taken nothing" (value = Some 1);
      let* () = Dlwt_inbox.send inbox 2 in
      let sender = Dlwt_inbox.send inbox 3 in
      let last = Dlwt_inbox.send inbox 4 in
      Lwt.cancel sender;
      check "the sender is cancelled" (Lwt.state sender = Fail Lwt.Canceled);
      let* value = Dlwt_inbox.receive inbox in
      check "the one before" (value = Some 2);
      let* () = last in
      let* value = Dlwt_inbox.receive inbox in
      check "its value is withdrawn" (value = Some 4);
      Lwt.return_unit)

(* Its value is in the inbox, and the notification of it on its way. *)
let cancelled_too_late () =
  run (fun () ->
      let inbox = Dlwt_inbox.create ~capacity:1 () in
      let* () = Dlwt_inbox.send inbox 1 in
      let sender = Dlwt_inbox.send inbox 2 in
      let* value = Dlwt_inbox.receive inbox in
      check "the one before" (value = Some 1);
      Lwt.cancel sender;
      check "the sender has sent" (Lwt.state sender = Return ());
      let* value = Dlwt_inbox.receive inbox in
      check "its value" (value = Some 2);
      Lwt.return_unit)

let rejected what ~part promise =
  Lwt.try_bind promise
    (fun () -> failwith (what ^ ": accepted"))
    (function
      | Dlwt_inbox.Closed text ->
          check (Printf.sprintf "%s: %s" what text) (contains text ~part);
          Lwt.return_unit
      | exn -> Lwt.fail exn)

let closed () =
  run (fun () ->
      let inbox = Dlwt_inbox.create ~capacity:1 () in
      let* () = Dlwt_inbox.send inbox 1 in
      let waiting = Dlwt_inbox.send inbox 2 in
      (* Another domain closes it. *)
      Domain.join (Domain.spawn (fun () -> Dlwt_inbox.close inbox));
      let* () = rejected "a sender that waits" ~part:"closed" (fun () -> waiting) in
      let* () = rejected "later" ~part:"closed" (fun () -> Dlwt_inbox.send inbox 3) in
      check "post" (Dlwt_inbox.post inbox 3 = `Closed);
      let* value = Dlwt_inbox.receive inbox in
      check "what is in it" (value = Some 1);
      let* value = Dlwt_inbox.receive inbox in
      check "the end" (value = None);
      let other = Dlwt_inbox.create () in
      let waiting = Dlwt_inbox.receive other in
      Domain.join (Domain.spawn (fun () -> Dlwt_inbox.close other));
      let* value = (waiting : int option Lwt.t) in
      check "a receiver that waits" (value = None);
      Lwt.return_unit)

let owner_terminates () =
  run (fun () ->
      let inbox = Dlwt_inbox.create ~capacity:1 () in
      let* owner =
        Dlwt_domain.spawn (fun () ->
            let* value = Dlwt_inbox.receive inbox in
            check "a value" (value = Some 1);
            (* Others wait until this domain has terminated. *)
            let rec full () =
              if Dlwt_inbox.length inbox = 1 then Lwt.return_unit
              else
                let* () = Lwt.pause () in
                full ()
            in
            let* () = full () in
            Lwt.return (domain ()))
        |> fun owner ->
        let* () = Dlwt_inbox.send inbox 1 in
        let* () = Dlwt_inbox.send inbox 2 in
        let* () =
          rejected "a sender that waits" ~part:"has terminated" (fun () ->
              Dlwt_inbox.send inbox 3)
        in
        owner
      in
      let part = Printf.sprintf "domain %d" owner in
      rejected "later" ~part (fun () -> Dlwt_inbox.send inbox 4))

let sender_terminates () =
  run (fun () ->
      let inbox = Dlwt_inbox.create ~capacity:1 () in
      let* () = Dlwt_inbox.send inbox 1 in
      Domain.join
        (Domain.spawn (fun () ->
             Lwt_main.run
               (let waiting = Dlwt_inbox.send inbox 2 in
                check "it waits" (Lwt.is_sleeping waiting);
                Lwt.return_unit)));
      Dlwt_inbox.close inbox;
      let* received = all inbox in
      check "what its domain has not sent is withdrawn" (received = [ 1 ]);
      Lwt.return_unit)

let another_domain () =
  run (fun () ->
      let inbox : int Dlwt_inbox.t = Dlwt_inbox.create () in
      let waiting = Dlwt_inbox.receive inbox in
      let owner = domain () in
      elsewhere (fun () ->
          refused ~what:"Dlwt_inbox" ~owner (fun () -> Dlwt_inbox.receive inbox));
      Lwt.cancel waiting;
      Lwt.return_unit)

exception Planted

(* A callback's exception leaves the loop. The other receivers get their values all the same. *)
let raising_callback () =
  let inbox = Dlwt_inbox.create () in
  let receivers = List.init 3 (fun _ -> Dlwt_inbox.receive inbox) in
  Lwt.on_success (List.hd receivers) (fun _ -> raise Planted);
  Dlwt.set_async_exception_hook (Some raise);
  List.iter (fun n -> ignore (Dlwt_inbox.post inbox n : _)) [ 1; 2; 3; 4 ];
  check "it is raised"
    (match Lwt_main.run (Lwt.join (List.map (Lwt.map ignore) receivers)) with
    | () -> false
    | exception Planted -> true);
  Dlwt.set_async_exception_hook None;
  let received = run (fun () -> Lwt.all receivers) in
  check "the others" (received = [ Some 1; Some 2; Some 3 ]);
  check "the next" (run (fun () -> Dlwt_inbox.receive inbox) = Some 4);
  let next = Dlwt_inbox.receive inbox in
  ignore (Dlwt_inbox.post inbox 5 : _);
  check "notified again" (run (fun () -> next) = Some 5)

let spawned () =
  run (fun () ->
      let hook_has_run = Atomic.make false in
      let* value =
        Dlwt_domain.spawn (fun () ->
            Lwt_main.at_exit (fun () -> Lwt.return (Atomic.set hook_has_run true));
            let* () = Lwt_unix.sleep 0.001 in
            Lwt.return (domain ()))
      in
      check "its number" (value <> domain ());
      check "its exit hooks have run" (Atomic.get hook_has_run);
      let failing () : unit Lwt.t =
        let* () = Lwt_unix.sleep 0.001 in
        raise Planted
      in
      let* () =
        Lwt.catch
          (fun () -> Lwt.map (fun () -> assert false) (Dlwt_domain.spawn failing))
          (function Planted -> Lwt.return_unit | exn -> Lwt.fail exn)
      in
      let* sums =
        Lwt_list.map_p
          (fun n -> Dlwt_domain.spawn (fun () -> Lwt.return (2 * n)))
          [ 1; 2; 3; 4 ]
      in
      check "results" (sums = [ 2; 4; 6; 8 ]);
      Lwt.return_unit)

(* [Domain.join] blocks until the systhread has ended. *)
let systhread_remains () =
  let exit_functions_ran = Atomic.make false and may_end = Atomic.make false in
  let wait_for_permit () = eventually (fun () -> Atomic.get may_end) in
  let main () =
    Domain.at_exit (fun () -> Atomic.set exit_functions_ran true);
    ignore (Thread.create wait_for_permit () : Thread.t);
    Lwt.return 7
  in
  run (fun () ->
      let value = Dlwt_domain.spawn main in
      Lwt.finalize
        (fun () ->
          let rec wait () =
            let* () = Lwt_unix.sleep 0.01 in
            if Atomic.get exit_functions_ran then Lwt_unix.sleep 0.05 else wait ()
          in
          let* () = wait () in
          check "it waits for the systhread" (Lwt.is_sleeping value);
          Lwt.return_unit)
        (fun () ->
          Atomic.set may_end true;
          Lwt.return_unit)
      >>= fun () ->
      let* value = value in
      check "its result" (value = 7);
      Lwt.return_unit)

exception Planted_at_exit

(* OCaml calls none of the exit functions that were registered before it. *)
let exit_function_raises () =
  let spawn main =
    Dlwt_domain.spawn (fun () ->
        Domain.at_exit (fun () -> raise Planted_at_exit);
        main ())
  in
  let raises exn main =
    Lwt.catch
      (fun () -> Lwt.map (fun () -> assert false) (spawn main))
      (fun raised ->
        check "the exception" (raised = exn);
        Lwt.return_unit)
  in
  run (fun () ->
      let* () = raises Planted_at_exit Lwt.return in
      raises Planted (fun () -> Lwt.fail Planted))

let () =
  let open Cases in
  Alcotest.run "inbox"
    [
      ( "inbox",
        [
          case "three senders" (many_senders None);
          case "three senders, a bound" (many_senders (Some 4));
          case "ping pong" ping_pong;
          case "senders wait for room" back_pressure;
          case "cancelled" cancelled;
          case "cancelled too late" cancelled_too_late;
          case "closed" closed;
          case "the owner terminates" owner_terminates;
          case "the sender's domain terminates" sender_terminates;
          case "another domain receives" another_domain;
          case "a callback raises" raising_callback;
        ] );
      ( "domain",
        [
          case "result, exception and exit hooks" spawned;
          case "a systhread remains" systhread_remains;
          case "an exit function raises" exit_function_raises;
        ] );
    ]
