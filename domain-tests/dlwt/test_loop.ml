(* Lwt_main.run: what ends it, and what an exception that leaves it leaves behind. *)

open Lwt.Infix
open Support

exception Stuck

(* [f ()] in a loop that raises [Stuck] if it sleeps although it should have ended. *)
let not_stuck f =
  let timer = Lwt_engine.on_timer 20. false (fun _ -> raise Stuck) in
  Fun.protect ~finally:(fun () -> Lwt_engine.stop_event timer) f

let in_both_domains f () =
  not_stuck f;
  elsewhere (fun () -> not_stuck f)

(* ------------------------------------------- a hook that resolves the promise *)

let with_hook add remove hook f =
  let hook = add hook in
  Fun.protect ~finally:(fun () -> remove hook) f

let enter = Lwt_main.Enter_iter_hooks.(with_hook add_last remove)
let leave = Lwt_main.Leave_iter_hooks.(with_hook add_last remove)

let ways =
  [
    ( "wakeup",
      fun () ->
        let p, u = Lwt.wait () in
        (p, fun () -> Lwt.wakeup u ()) );
    ( "wakeup_later",
      fun () ->
        let p, u = Lwt.wait () in
        (p, fun () -> Lwt.wakeup_later u ()) );
    ( "bind",
      fun () ->
        let p, u = Lwt.wait () in
        (p >>= Lwt.return >>= Lwt.return, fun () -> Lwt.wakeup_later u ()) );
    ( "reject",
      fun () ->
        let p, u = Lwt.wait () in
        ( Lwt.catch (fun () -> p) (function Exit -> Lwt.return_unit | e -> Lwt.fail e),
          fun () -> Lwt.wakeup_exn u Exit ) );
    ( "cancel",
      fun () ->
        let p, _ = Lwt.task () in
        ( Lwt.catch
            (fun () -> p)
            (function Lwt.Canceled -> Lwt.return_unit | e -> Lwt.fail e),
          fun () -> Lwt.cancel p ) );
    ( "bind that pauses",
      fun () ->
        let p, u = Lwt.wait () in
        (p >>= Lwt.pause, fun () -> Lwt.wakeup u ()) );
  ]

let resolved_by hook make =
  in_both_domains (fun () ->
      for iterations = 0 to 3 do
        let p, resolve = make () in
        let left = ref iterations in
        hook
          (fun () ->
            if !left = 0 then resolve () else ignore (Lwt.pause ());
            decr left)
          (fun () ->
            ignore (Lwt.pause ());
            Lwt_main.run p)
      done)

let case name f = Alcotest.test_case name `Quick f

let () =
  Lwt_main.run (Lwt_unix.sleep 0.001);
  let hooks name hook =
    (name, List.map (fun (way, make) -> case way (resolved_by hook make)) ways)
  in
  Alcotest.run "dlwt loop"
    [ hooks "an enter hook ends the run" enter; hooks "a leave hook ends the run" leave ]
